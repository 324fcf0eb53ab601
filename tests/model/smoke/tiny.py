"""Tiny real models and tokenizers, trained on a few sentences for a second or two."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
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


def byte_tokenizer(*, chat_template: str | None = None, texts: Sequence[str] = STORY, size: int = 500) -> Any:
    """Train a byte-level BPE tokenizer, as GPT-2 and Llama 3 have; without texts, one token per byte."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(texts, trainer)
    names = dict(zip(("bos_token", "eos_token", "pad_token"), special, strict=False))
    tokenizer = wrap(bpe, **names, additional_special_tokens=special[3:])
    tokenizer.chat_template = chat_template
    return tokenizer


def letter_tokenizer(letters: str) -> Any:
    """Make a tokenizer with one token per letter of an alphabet, as models of DNA and proteins have."""
    special = ["<s>", "</s>", "<pad>", "<unk>"]
    level = models.WordLevel({token: number for number, token in enumerate([*special, *letters])}, unk_token="<unk>")
    tokenizer = Tokenizer(level)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return wrap(tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>")


def wrap(tokenizer: Tokenizer, **settings: Any) -> Any:
    """Turn a tokenizer of the tokenizers library into one of transformers."""
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


def llama(tokenizer: Any, **settings: Any) -> LlamaForCausalLM:
    """Make an untrained Llama with an untied head."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        **(SIZES | {"num_key_value_heads": 2, "max_position_embeddings": 256} | settings),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def gpt2(tokenizer: Any) -> GPT2LMHeadModel:
    """Make an untrained GPT-2, tied, with learned positions and its end token for padding."""
    end = tokenizer.eos_token_id
    ids = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end}
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer), n_embd=48, n_layer=2, n_head=4, n_positions=128, **ids)
    )


def bert(tokenizer: Any, kind: type[Any] = BertForMaskedLM, **settings: Any) -> Any:
    """Make an untrained BERT: with a masked-LM head, a classifier, or bare."""
    config = BertConfig(
        vocab_size=len(tokenizer),
        **SIZES,
        max_position_embeddings=128,
        pad_token_id=tokenizer.pad_token_id,
        **settings,
    )
    return kind(config)


def classifier(tokenizer: Any) -> Any:
    """Make an untrained BERT classifier of two named classes."""
    names = {0: "old", 1: "new"}
    return bert(tokenizer, BertForSequenceClassification, id2label=names, label2id={"old": 0, "new": 1})


def encoder(tokenizer: Any) -> Any:
    """Make an untrained bare BERT."""
    return bert(tokenizer, BertModel)


def train(model: Any, tokenizer: Any, *, texts: Sequence[str] = STORY, steps: int = 60, rate: float = 5e-3) -> Any:
    """Train a causal language model on texts, one per step."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    for text in itertools.islice(itertools.cycle(texts), steps):
        ids = torch.tensor([[*tokenizer(text)["input_ids"], tokenizer.eos_token_id]])
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def save(model: Any, tokenizer: Any, directory: Path) -> Path:
    """Save with save_pretrained, without progress bars."""
    with hushed():
        model.save_pretrained(directory)
        if tokenizer is not None:
            tokenizer.save_pretrained(directory)
    return directory


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Keep the libraries' progress bars out of the tests' output."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield
