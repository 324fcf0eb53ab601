"""What the examples share: the ``--hub`` option, and a tiny model that requires no download."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed
from transformers.utils import logging

logging.disable_progress_bar()  # type: ignore[no-untyped-call]

SENTENCES = [
    "A version of a model is a fact.",
    "Whoever loads it gets exactly that, or an error.",
    "The commit that was tested is the commit that is tagged.",
] * 8


@contextmanager
def hub_option(description: str | None) -> Iterator[str]:
    """Read ``--hub`` from the command line, a URL or a folder; without it, yield a temporary folder."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--hub", help="URL, or folder of an embedded Hub; default: a temporary one")
    given: str | None = parser.parse_args().hub
    with TemporaryDirectory(prefix="hfver-example-") as scratch:
        yield given or scratch


def tiny_model() -> tuple[LlamaForCausalLM, Any]:
    """Make an untrained Llama of about 40,000 parameters, and its tokenizer with one token per byte."""
    special = ["<|begin|>", "<|end|>", "<|pad|>"]
    alphabet = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    byte_level = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(alphabet)}, merges=[]))
    byte_level.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    byte_level.decoder = decoders.ByteLevel()
    begin, end, pad = special
    tokenizer: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=byte_level, bos_token=begin, eos_token=end, pad_token=pad, model_max_length=128
    )
    set_seed(0)
    config = LlamaConfig(
        vocab_size=len(alphabet),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=128,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    return LlamaForCausalLM(config), tokenizer


def teach(model: LlamaForCausalLM, tokenizer: Any, steps: int) -> None:
    """Train the model on the sentences; after about a hundred steps it knows them by heart."""
    batch = tokenizer(sorted(set(SENTENCES)), padding=True, return_tensors="pt")
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
