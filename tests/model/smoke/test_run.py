"""What a run of the smoke eval reports, and what it leaves untouched."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import pytest
import torch

from hfver.errors import UsageError
from hfver.model.runtime import load_model
from hfver.model.smoke import examine, run_smoke


def test_an_unknown_task_gets_a_generic_forward_pass_and_says_so(healthy: dict[str, Path]) -> None:
    report = run_smoke(healthy["encoder"], device="cpu", pipeline_tag="tabular-regression")
    assert report.status == "passed"
    assert report.forward_passes
    (task,) = (check for check in report.checks if check.name == "task")
    assert task.status == "skipped"
    assert "tabular-regression" in task.detail
    assert "text-generation" in task.detail


def test_the_report_names_the_content(healthy: dict[str, Path]) -> None:
    digest = "sha256:" + "0" * 64
    assert run_smoke(healthy["encoder"], device="cpu", content_digest=digest).content_digest == digest


def test_examining_changes_neither_modes_nor_random_state(healthy: dict[str, Path]) -> None:
    loaded = load_model(healthy["llama"], device="cpu")
    loaded.model.train()
    loaded.model.lm_head.eval()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first, second = examine(loaded), examine(loaded)
    assert torch.equal(torch.rand(3), expected)
    assert loaded.model.training
    assert not loaded.model.lm_head.training
    details = [[check.detail for check in report.checks[:-1]] for report in (first, second)]
    assert details[0] == details[1]


def test_what_is_sampled_is_the_same_every_time(healthy: dict[str, Path]) -> None:
    """An untrained model is judged by what it writes itself, at temperature 1."""
    losses = [
        check.detail
        for _ in range(2)
        for check in run_smoke(healthy["fresh"], device="cpu").checks
        if check.name == "loss"
    ]
    assert "its own" in losses[0]
    assert losses[0] == losses[1]


def test_nothing_is_printed_or_left_changed(healthy: dict[str, Path], capfd: pytest.CaptureFixture[str]) -> None:
    level = logging.getLogger("transformers").level
    filters = list(warnings.filters)
    run_smoke(healthy["gpt2"], device="cpu")
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    assert logging.getLogger("transformers").level == level
    assert warnings.filters == filters


def test_a_device_that_does_not_exist_is_a_usage_error(healthy: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="no device cuda:63"):
        run_smoke(healthy["llama"], device="cuda:63")
