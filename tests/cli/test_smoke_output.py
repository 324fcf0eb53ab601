"""The last line of a smoke report: the result, how many checks it rests on, and where they ran."""

from __future__ import annotations

import pytest

from hfver.cli.rendering.checks import print_smoke
from hfver.core.smoke_report import SmokeCheck, SmokeReport, Status, worst


def last_line(capsys: pytest.CaptureFixture[str], **statuses: Status) -> str:
    checks = tuple(SmokeCheck(name=name, status=status, detail="It is so.") for name, status in statuses.items())
    print_smoke(SmokeReport(status=worst(list(statuses.values())), device="cpu", dtype="float32", checks=checks))
    return capsys.readouterr().out.splitlines()[-1]


def test_passed(capsys: pytest.CaptureFixture[str]) -> None:
    assert last_line(capsys, loads="passed", forward="passed") == "✓ passed · 2 checks passed · cpu, float32"


def test_failed(capsys: pytest.CaptureFixture[str]) -> None:
    line = last_line(capsys, loads="passed", forward="failed", stops="skipped")
    assert line == "✗ failed · 1 of 3 checks failed · cpu, float32"


def test_a_model_that_was_not_run_is_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    line = last_line(capsys, loads="passed", task="skipped")
    assert line == "✓ passed · 1 check passed, 1 skipped · the model was not run · cpu, float32"
