"""What is in order passes."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pytest
import torch

from hfver.core.smoke_report import SmokeReport
from hfver.errors import UsageError
from hfver.model.runtime import open_model
from hfver.model.smoke import examine, run_smoke
from tests.model.smoke import tiny

TASKS = {
    "llama": "stops",
    "fresh": "generates",
    "gpt2": "generates",
    "bert": "fills",
    "classifier": "labels",
    "encoder": "forward",
}


def statuses(report: SmokeReport) -> dict[str, str]:
    return {check.name: check.status for check in report.checks}


def explain(report: SmokeReport) -> str:
    return "\n".join(f"{check.status} {check.name}: {check.detail}" for check in report.checks)


@pytest.mark.parametrize("name", TASKS)
def test_a_healthy_model_passes(healthy: dict[str, Path], name: str) -> None:
    report = run_smoke(healthy[name], device="cpu")
    assert report.status == "passed", explain(report)
    assert statuses(report)[TASKS[name]] == "passed"
    assert report.device == "cpu"
    assert report.dtype == "float32"
    assert report.load_seconds
    assert report.peak_memory_bytes is not None
    assert report.tokens_per_second


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", TASKS)
def test_a_healthy_model_passes_on_a_gpu(healthy: dict[str, Path], name: str, dtype: str) -> None:
    report = run_smoke(healthy[name], device="cuda", dtype=dtype)
    assert report.status == "passed", explain(report)
    assert report.device.startswith("cuda")
    assert torch.cuda.get_device_name() in report.device
    assert report.dtype == dtype
    assert report.peak_memory_bytes


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["llama", "bert", "encoder"])
def test_half_precision_passes(healthy: dict[str, Path], name: str, dtype: str) -> None:
    report = run_smoke(healthy[name], device="cpu", dtype=dtype)
    assert report.status == "passed", explain(report)
    assert report.dtype == dtype


def test_an_adapter_passes_on_its_base(healthy: dict[str, Path], adapter: Path) -> None:
    report = run_smoke(adapter, device="cpu", base_directory=healthy["llama"])
    assert report.status == "passed", explain(report)
    assert statuses(report)["generates"] == "passed"


def test_a_model_overfitted_to_a_few_sentences_passes(tmp_path: Path) -> None:
    torch.manual_seed(3)
    words = tiny.byte_tokenizer()
    model = tiny.train(tiny.llama(words), words, steps=250)
    report = run_smoke(tiny.save(model, words, tmp_path), device="cpu")
    assert report.status == "passed", explain(report)


def test_a_model_without_tokenizer_is_run_all_the_same(tmp_path: Path) -> None:
    folder = tiny.save(tiny.llama(tiny.byte_tokenizer()), None, tmp_path)
    report = run_smoke(folder, device="cpu")
    assert report.status == "passed", explain(report)
    assert statuses(report)["forward"] == "passed"
    assert statuses(report)["generates"] == "skipped"


def test_an_unknown_task_gets_the_common_checks_and_says_so(healthy: dict[str, Path]) -> None:
    report = run_smoke(healthy["encoder"], device="cpu", pipeline_tag="tabular-regression")
    assert report.status == "passed"
    assert statuses(report)["task"] == "skipped"
    (task,) = (check for check in report.checks if check.name == "task")
    assert "tabular-regression" in task.detail
    assert "text-generation" in task.detail


def test_the_report_names_the_content(healthy: dict[str, Path]) -> None:
    digest = "sha256:" + "0" * 64
    assert run_smoke(healthy["encoder"], device="cpu", content_digest=digest).content_digest == digest


def test_examining_disturbs_neither_modes_nor_random_numbers(healthy: dict[str, Path]) -> None:
    opened = open_model(healthy["llama"], device="cpu")
    opened.model.train()
    opened.model.lm_head.eval()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first, second = examine(opened), examine(opened)
    assert torch.equal(torch.rand(3), expected)
    assert opened.model.training
    assert not opened.model.lm_head.training
    details = [[check.detail for check in report.checks[:-1]] for report in (first, second)]
    assert details[0] == details[1]


def test_nothing_is_said_on_the_way(healthy: dict[str, Path], capfd: pytest.CaptureFixture[str]) -> None:
    level = logging.getLogger("transformers").level
    filters = list(warnings.filters)
    run_smoke(healthy["gpt2"], device="cpu")
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    assert logging.getLogger("transformers").level == level
    assert warnings.filters == filters


def test_a_device_that_is_not_there_is_a_usage_error(healthy: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="no device cuda:63"):
        run_smoke(healthy["llama"], device="cuda:63")
