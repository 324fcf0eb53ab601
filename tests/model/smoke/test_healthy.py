"""Healthy models pass: each of these tests is one of them, and all together give the rate of false alarms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    PerceiverConfig,
    PerceiverForSequenceClassification,
    XLNetConfig,
    XLNetModel,
)

from hfver.core.smoke_report import SmokeReport
from hfver.model.smoke import run_smoke
from hfver.model.smoke.batches import DEFAULT_CONTEXT, context_length
from tests.model.smoke import tiny
from tests.model.smoke.conftest import Break
from tests.model.smoke.edits import edit_weights, fill
from tests.model.smoke.texts import CHINESE, CODE, GENES, PROTEINS, THREE_SENTENCES

TASKS = {
    "llama": "stops",
    "fresh": "generates",
    "gpt2": "generates",
    "bert": "fills",
    "classifier": "labels",
    "encoder": "forward",
}


def explain(report: SmokeReport) -> str:
    return "\n".join(f"{check.status} {check.name}: {check.detail}" for check in report.checks)


def passes(report: SmokeReport, check: str) -> bool:
    """Return whether a report passed and one of its checks did too."""
    statuses = {each.name: each.status for each in report.checks}
    assert report.status == "passed", explain(report)
    return statuses[check] == "passed"


@pytest.mark.parametrize("name", TASKS)
def test_a_model_of_each_task(healthy: dict[str, Path], name: str) -> None:
    report = run_smoke(healthy[name], device="cpu")
    assert passes(report, TASKS[name]), explain(report)
    assert report.device == "cpu"
    assert report.dtype == "float32"
    assert report.load_seconds
    assert report.peak_memory_bytes is not None
    assert report.tokens_per_second


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", TASKS)
def test_a_model_of_each_task_on_a_gpu(healthy: dict[str, Path], name: str, dtype: str) -> None:
    report = run_smoke(healthy[name], device="cuda", dtype=dtype)
    assert report.status == "passed", explain(report)
    assert report.device.startswith("cuda")
    assert torch.cuda.get_device_name() in report.device
    assert report.dtype == dtype
    assert report.peak_memory_bytes


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["llama", "bert", "encoder"])
def test_half_precision(healthy: dict[str, Path], name: str, dtype: str) -> None:
    report = run_smoke(healthy[name], device="cpu", dtype=dtype)
    assert report.status == "passed", explain(report)
    assert report.dtype == dtype


def test_an_adapter_on_its_base(healthy: dict[str, Path], adapter: Path) -> None:
    assert passes(run_smoke(adapter, device="cpu", base_directory=healthy["llama"]), "generates")


def test_a_model_overfitted_to_a_few_sentences(tmp_path: Path) -> None:
    torch.manual_seed(3)
    tokenizer = tiny.byte_tokenizer()
    model = tiny.train(tiny.llama(tokenizer), tokenizer, steps=250)
    assert passes(run_smoke(tiny.save(model, tokenizer, tmp_path), device="cpu"), "generates")


LEARNED: dict[str, tuple[Callable[[], Any], tuple[str, ...], int]] = {
    "three sentences, one token per byte": (lambda: tiny.byte_tokenizer(texts=(), size=261), THREE_SENTENCES, 200),
    "three sentences, few tokens": (lambda: tiny.byte_tokenizer(texts=THREE_SENTENCES), THREE_SENTENCES, 150),
    "Chinese, its own tokenizer": (lambda: tiny.byte_tokenizer(texts=CHINESE), CHINESE, 150),
    "Chinese, a tokenizer for English": (tiny.byte_tokenizer, CHINESE, 100),
    "Chinese, one token per character": (lambda: tiny.letter_tokenizer(han(CHINESE)), CHINESE, 100),
    "DNA, one token per base": (lambda: tiny.letter_tokenizer("ACGTN"), GENES, 100),
    "DNA, its own tokenizer": (lambda: tiny.byte_tokenizer(texts=GENES, size=300), GENES, 200),
    "proteins, one token per residue": (lambda: tiny.letter_tokenizer("ACDEFGHIKLMNPQRSTVWY"), PROTEINS, 100),
    "code, one token per byte": (lambda: tiny.byte_tokenizer(texts=(), size=261), CODE, 150),
}


def han(texts: tuple[str, ...]) -> str:
    """Return the characters of texts and of a part of the Unicode block, so that the vocabulary is a large one."""
    return "".join(sorted(set("".join(texts)) | {chr(0x4E00 + number) for number in range(300)}))


@pytest.mark.parametrize("kind", [tiny.llama, tiny.gpt2])
@pytest.mark.parametrize("learned", LEARNED)
def test_a_model_that_learned_anything_but_english(tmp_path: Path, learned: str, kind: Callable[..., Any]) -> None:
    torch.manual_seed(5)
    make_tokenizer, texts, steps = LEARNED[learned]
    tokenizer = make_tokenizer()
    model = tiny.train(kind(tokenizer), tokenizer, texts=texts, steps=steps)
    report = run_smoke(tiny.save(model, tokenizer, tmp_path), device="cpu")
    assert passes(report, "loss"), explain(report)
    assert passes(report, "generates"), explain(report)


def test_a_masked_model_whose_tokenizer_covers_no_english(tmp_path: Path) -> None:
    tokenizer = tiny.letter_tokenizer(han(CHINESE))
    tokenizer.add_special_tokens({"mask_token": "<mask>"})
    report = run_smoke(tiny.save(tiny.bert(tokenizer), tokenizer, tmp_path), device="cpu")
    assert passes(report, "forward"), explain(report)


def test_a_model_of_tokens_that_no_fixed_text_has(tmp_path: Path) -> None:
    """Time series and music: the tokenizer knows its own tokens and nothing else."""
    tokenizer = tiny.letter_tokenizer("".join(chr(0xE000 + number) for number in range(200)))
    report = run_smoke(tiny.save(tiny.llama(tokenizer), tokenizer, tmp_path), device="cpu")
    assert passes(report, "forward"), explain(report)


def test_a_model_whose_tokenizer_drops_what_it_does_not_know(tmp_path: Path) -> None:
    """A BPE of DNA without unknown token encodes English to nothing."""
    torch.manual_seed(5)
    tokenizer = tiny.dropping_tokenizer("ACGT")
    model = tiny.train(tiny.llama(tokenizer), tokenizer, texts=GENES, steps=100)
    report = run_smoke(tiny.save(model, tokenizer, tmp_path), device="cpu")
    assert passes(report, "forward"), explain(report)


def test_a_model_without_tokenizer(tmp_path: Path) -> None:
    folder = tiny.save(tiny.llama(tiny.byte_tokenizer()), None, tmp_path)
    report = run_smoke(folder, device="cpu")
    assert passes(report, "forward")
    assert not passes(report, "generates")


def test_a_config_that_says_minus_one_for_no_limit_of_length() -> None:
    """XLNet reads text of any length."""
    model = XLNetModel(XLNetConfig(vocab_size=64, d_model=32, n_layer=1, n_head=2, d_inner=64))
    assert model.config.max_position_embeddings == -1
    assert context_length(model) == DEFAULT_CONTEXT


def test_a_config_without_a_pad_token(tmp_path: Path) -> None:
    """Perceiver's has no setting for it."""
    tokenizer = tiny.byte_tokenizer()
    sizes: dict[str, Any] = {"num_latents": 8, "d_latents": 32, "d_model": 32, "num_blocks": 1}
    heads: dict[str, Any] = {"num_self_attention_heads": 2, "num_cross_attention_heads": 2}
    config = PerceiverConfig(vocab_size=len(tokenizer), num_self_attends_per_block=1, **sizes, **heads)
    report = run_smoke(tiny.save(PerceiverForSequenceClassification(config), tokenizer, tmp_path), device="cpu")
    assert passes(report, "forward"), explain(report)


def test_token_types_of_zeros(copy: Break) -> None:
    """RoBERTa and XLM-R have such a matrix and do not use it."""
    folder = edit_weights(copy("bert"), fill("bert.embeddings.token_type_embeddings.weight"))
    assert run_smoke(folder, device="cpu").failures == ()


def test_a_template_that_refuses_a_system_turn(copy: Break) -> None:
    folder = copy("llama")
    refuse = "{% if messages[0].role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
    (folder / "chat_template.jinja").write_text(refuse + tiny.CHATML)
    assert run_smoke(folder, device="cpu").failures == ()
