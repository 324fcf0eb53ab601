"""The last line of a smoke report: the result, how many checks it rests on, and where they ran."""

from __future__ import annotations

import pytest

from hfver.cli.rendering.checks import print_smoke
from hfver.core.smoke_report import CheckStatus, SmokeCheck, SmokeReport, verdict_of


def last_line(capsys: pytest.CaptureFixture[str], *, passes: int = 3, **statuses: CheckStatus) -> str:
    checks = tuple(SmokeCheck(name=name, status=status, detail="It is so.") for name, status in statuses.items())
    status = verdict_of(checks, was_run=passes > 0)
    print_smoke(SmokeReport(status=status, device="cpu", dtype="float32", checks=checks, forward_passes=passes))
    return capsys.readouterr().out.splitlines()[-1]


def test_passed(capsys: pytest.CaptureFixture[str]) -> None:
    assert last_line(capsys, loads="passed", forward="passed") == "✓ passed · 2 checks passed · cpu, float32"


def test_failed(capsys: pytest.CaptureFixture[str]) -> None:
    line = last_line(capsys, loads="passed", forward="failed", stops="skipped")
    assert line == "✗ failed · 1 of 3 checks failed · cpu, float32"


def test_warned(capsys: pytest.CaptureFixture[str]) -> None:
    line = last_line(capsys, loads="passed", loss="warned")
    assert line == "! warned · 1 check passed, 1 warned · cpu, float32"


def test_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    line = last_line(capsys, loads="passed", forward="not_judged", loss="warned")
    assert line == "? not judged · 1 check passed, 1 warned, 1 not judged · cpu, float32"


def test_a_model_that_was_not_run_is_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    line = last_line(capsys, passes=0, loads="passed", task="skipped")
    assert line == "? not judged · 1 check passed, 1 skipped · the model was not run · cpu, float32"


def test_the_remedy_stands_below_its_check(capsys: pytest.CaptureFixture[str]) -> None:
    check = SmokeCheck(name="stops", status="failed", detail="It does not stop.", hint="Write the end token.")
    print_smoke(SmokeReport(status="failed", device="cpu", dtype="float32", checks=(check,)))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "→ Write the end token." in lines
