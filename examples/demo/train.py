"""The demo's training code: train a small language model from scratch, then fine-tune it to answer questions.

    python examples/demo/austen.py out/data
    python examples/demo/train.py base out/base out/data/chapters.jsonl
    python examples/demo/train.py assistant out/assistant out/data/questions-2.jsonl --init out/base

This is ordinary training code: a byte-level BPE tokenizer, a Llama-style model, `datasets`, and the `transformers`
Trainer, whose output folder is released as it is. It does not use hfver.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import datasets
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    default_data_collator,
    set_seed,
)
from transformers.utils import logging

SEED = 42
BLOCK = 64
"""Tokens in one training example of plain text."""
VOCABULARY = 3072
BEGIN, END, PAD, USER, ASSISTANT = SPECIAL = ["<|begin|>", "<|end|>", "<|pad|>", "<|user|>", "<|assistant|>"]
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}"
    "<|assistant|>{% generation %}{{ message['content'] }}{{ eos_token }}{% endgeneration %}"
    "{% else %}<|user|>{{ message['content'] }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters in which the two stages of training differ."""

    steps: int
    learning_rate: float
    batch_size: int = 16


BASE_RECIPE = Recipe(steps=400, learning_rate=3.5e-3)
ASSISTANT_RECIPE = Recipe(steps=120, learning_rate=2e-3)


def train_base(data: Path, heldout: Path, out: Path, recipe: Recipe = BASE_RECIPE) -> dict[str, float]:
    """Train tokenizer and model from scratch on plain text; return the metrics on held-out text."""
    quiet()
    texts = _read(data, heldout)
    tokenizer = make_tokenizer(texts["train"]["text"])
    set_seed(SEED)
    model = LlamaForCausalLM(_config(tokenizer))
    model.generation_config = _generation(tokenizer)
    blocks = texts.map(_blocks, batched=True, remove_columns=["text"], fn_kwargs={"tokenizer": tokenizer})
    return _train(model, tokenizer, blocks, default_data_collator, out, recipe)


def train_assistant(
    model: Any, tokenizer: Any, data: Path, heldout: Path, out: Path, recipe: Recipe = ASSISTANT_RECIPE
) -> dict[str, float]:
    """Fine-tune a model on questions and answers in chat form; return the metrics on held-out answers."""
    quiet()
    tokenizer.chat_template = CHAT_TEMPLATE
    chats = _read(data, heldout).map(_chat, remove_columns=["question", "answer"], fn_kwargs={"tokenizer": tokenizer})
    return _train(model, tokenizer, chats, DataCollatorForSeq2Seq(tokenizer), out, recipe)


def quiet() -> None:
    """Silence the libraries' progress bars and warnings; errors are still printed."""
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    datasets.disable_progress_bars()


def make_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer that starts every text with ``<|begin|>``."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
        ),
    )
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A {BEGIN} $B", special_tokens=[(BEGIN, bpe.token_to_id(BEGIN))]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=bpe,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        extra_special_tokens=[USER, ASSISTANT],
        model_max_length=256,
        clean_up_tokenization_spaces=False,
    )


def _config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=160,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _generation(tokenizer: PreTrainedTokenizerFast) -> GenerationConfig:
    return GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=True,
        temperature=0.5,
        top_p=0.9,
        max_new_tokens=60,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _read(data: Path, heldout: Path) -> datasets.DatasetDict:
    return datasets.load_dataset("json", data_files={"train": str(data), "heldout": str(heldout)})


def _blocks(batch: dict[str, list[str]], tokenizer: Any) -> dict[str, Any]:
    """Split the concatenated texts into examples of equal length."""
    ids = list(chain.from_iterable([*row, tokenizer.eos_token_id] for row in tokenizer(batch["text"])["input_ids"]))
    rows = [ids[start : start + BLOCK] for start in range(0, len(ids) - BLOCK + 1, BLOCK)]
    return {"input_ids": rows, "labels": rows}


def _chat(row: dict[str, str], tokenizer: Any) -> dict[str, Any]:
    """Render one question and answer, with labels on the answer only."""
    turns = [{"role": "user", "content": row["question"]}, {"role": "assistant", "content": row["answer"]}]
    chat = tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
    learned = zip(chat["input_ids"], chat["assistant_masks"], strict=True)
    return {"input_ids": chat["input_ids"], "labels": [token if mine else -100 for token, mine in learned]}


def _train(
    model: Any, tokenizer: Any, data: datasets.DatasetDict, collate: Any, out: Path, recipe: Recipe
) -> dict[str, float]:
    trainer = Trainer(
        model=model,
        args=_arguments(out, recipe),
        train_dataset=data["train"],
        eval_dataset=data["heldout"],
        processing_class=tokenizer,
        data_collator=collate,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    metrics: dict[str, float] = trainer.evaluate()
    metrics["eval_perplexity"] = math.exp(metrics["eval_loss"])
    trainer.save_model()
    trainer.save_state()
    trainer.save_metrics("eval", metrics)
    trainer.create_model_card()
    return metrics


def _arguments(out: Path, recipe: Recipe) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(out),
        seed=SEED,
        max_steps=recipe.steps,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(recipe.steps // 15, 1),
        weight_decay=0.1,
        adam_beta2=0.95,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=32,
        logging_steps=max(recipe.steps // 10, 1),
        save_strategy="no",
        include_num_input_tokens_seen="all",
        dataloader_pin_memory=False,
        disable_tqdm=True,
        report_to="none",
    )


def main() -> None:
    """Train one stage from the command line."""
    parser = argparse.ArgumentParser(description="Train one stage of the demo's models.")
    parser.add_argument("stage", choices=["base", "assistant"])
    parser.add_argument("out", type=Path, help="folder for the checkpoint")
    parser.add_argument("data", type=Path, help="JSON lines to train on, as austen.py writes them")
    parser.add_argument("--init", help="checkpoint to start from; an assistant needs one")
    given = parser.parse_args()
    heldout = given.data.parent / f"{given.data.stem.partition('-')[0]}-heldout.jsonl"
    if given.stage == "base":
        metrics = train_base(given.data, heldout, given.out)
    else:
        tokenizer = AutoTokenizer.from_pretrained(given.init)
        model = AutoModelForCausalLM.from_pretrained(given.init)
        metrics = train_assistant(model, tokenizer, given.data, heldout, given.out)
    print(f"{given.out}: loss {metrics['eval_loss']:.3f}, perplexity {metrics['eval_perplexity']:.1f}, held out")


if __name__ == "__main__":
    main()
