"""Tiny real models and tokenizers, trained for seconds on a few sentences."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

STORY = (
    "The first time that I saw the small house by the sea, it was a cold day at the end of the year.",
    "There are many people who live in the town, and most of them have been there for a long time.",
    "One day, a small boy asked the old man what he had learned, and the man told him about the sea.",
    "In the end, it was the work that kept them together, and they talked about it every day.",
    "She said that nobody could remember the weather of that year, but he had a short text about it.",
    "It is one of the things that a student has to learn before he can stay in the house at the sea.",
)
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SIZES: dict[str, Any] = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}


def byte_tokenizer(*, chat_template: str | None = None) -> Any:
    """Train a byte-level BPE tokenizer, as GPT-2 and Llama 3 have."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(STORY, trainer)
    names = dict(zip(("bos_token", "eos_token", "pad_token"), special, strict=False))
    words = wrap(tokenizer, **names, additional_special_tokens=special[3:])
    words.chat_template = chat_template
    return words


def wrap(tokenizer: Tokenizer, **settings: Any) -> Any:
    """Make a tokenizer of transformers from one of tokenizers."""
    kind: Any = PreTrainedTokenizerFast
    return kind(tokenizer_object=tokenizer, **settings)


def word_tokenizer() -> Any:
    """Train a lower-casing WordPiece tokenizer, as BERT has."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        STORY, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    return wrap(tokenizer, **names)


def llama(words: Any, **settings: Any) -> LlamaForCausalLM:
    """Make a fresh Llama with an untied head."""
    config = LlamaConfig(
        vocab_size=len(words),
        **(SIZES | {"num_key_value_heads": 2, "max_position_embeddings": 256} | settings),
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    return LlamaForCausalLM(config)


def gpt2(words: Any) -> GPT2LMHeadModel:
    """Make a fresh GPT-2, tied, with learned positions and its end token for padding."""
    end = words.eos_token_id
    ids = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end}
    return GPT2LMHeadModel(GPT2Config(vocab_size=len(words), n_embd=48, n_layer=2, n_head=4, n_positions=128, **ids))


def bert(words: Any, kind: type[Any] = BertForMaskedLM, **settings: Any) -> Any:
    """Make a fresh BERT: with a masked-LM head, a classifier, or bare."""
    config = BertConfig(
        vocab_size=len(words),
        **SIZES,
        max_position_embeddings=128,
        pad_token_id=words.pad_token_id,
        **settings,
    )
    return kind(config)


def classifier(words: Any) -> Any:
    """Make a fresh BERT classifier of two named classes."""
    names = {0: "old", 1: "new"}
    return bert(words, BertForSequenceClassification, id2label=names, label2id={"old": 0, "new": 1})


def encoder(words: Any) -> Any:
    """Make a fresh bare BERT."""
    return bert(words, BertModel)


def train(model: Any, words: Any, *, steps: int = 60, rate: float = 5e-3) -> Any:
    """Train a causal language model on the story."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    for text in itertools.islice(itertools.cycle(STORY), steps):
        ids = torch.tensor([[*words(text)["input_ids"], words.eos_token_id]])
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def save(model: Any, words: Any, directory: Path) -> Path:
    """Save as everybody does, without progress bars."""
    with hushed():
        model.save_pretrained(directory)
        if words is not None:
            words.save_pretrained(directory)
    return directory


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep progress bars out of the tests' output."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield
