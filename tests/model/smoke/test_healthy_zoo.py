"""No false alarm on healthy models of many architectures and tasks, and each of them really runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hfver.model.smoke import run_smoke
from tests.model.smoke import tiny
from tests.model.smoke.test_healthy import explain
from tests.model.smoke.zoo import ZOO

DEFAULT = ("bert, tokens", "t5", "vit", "whisper", "clip", "llava", "patchtst")
"""One model of each kind of input, for every run of the tests; the others are left to the longer tier."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in DEFAULT else pytest.mark.more) for name in ZOO]
)
def test_it_passes_and_runs(tmp_path: Path, name: str) -> None:
    torch.manual_seed(7)
    model, tokenizer = ZOO[name]()
    report = run_smoke(tiny.save(model, tokenizer, tmp_path), device="cpu")
    assert report.status == "passed", explain(report)
    assert report.forward_passes, explain(report)
    assert {check.name for check in report.checks if check.status == "passed"} >= {"forward"}, explain(report)


def test_there_are_many() -> None:
    assert len(ZOO) >= 55
