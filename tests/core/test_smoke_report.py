"""The verdicts of smoke reports, and what the ledger keeps of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import get_args

import pytest

from hfver.core.ledger import Ledger, Line
from hfver.core.smoke_report import (
    CheckStatus,
    GoldenComparison,
    LedgerStatus,
    SmokeCheck,
    SmokeReport,
    SmokeSummary,
    Verdict,
    verdict_of,
)


def checks(*statuses: CheckStatus) -> tuple[SmokeCheck, ...]:
    return tuple(SmokeCheck(name=f"check-{number}", status=status) for number, status in enumerate(statuses))


def report(status: Verdict, *statuses: CheckStatus) -> SmokeReport:
    return SmokeReport(status=status, device="cpu", dtype="float32", checks=checks(*statuses))


@pytest.mark.parametrize(
    ("statuses", "was_run", "expected"),
    [
        (("passed", "skipped"), True, "passed"),
        (("passed", "warned", "skipped"), True, "warned"),
        (("passed", "warned", "not_judged"), True, "not_judged"),
        (("failed", "warned", "not_judged"), True, "failed"),
        (("failed",), False, "failed"),
        (("passed", "warned"), False, "not_judged"),
        ((), True, "passed"),
        ((), False, "not_judged"),
    ],
)
def test_the_verdict(statuses: tuple[CheckStatus, ...], was_run: bool, expected: Verdict) -> None:
    assert verdict_of(checks(*statuses), was_run=was_run) == expected


@pytest.mark.parametrize(
    ("verdict", "status"), [("passed", "passed"), ("warned", "passed"), ("failed", "failed"), ("not_judged", "skipped")]
)
def test_the_ledger_keeps_the_words_of_0_1_and_the_verdict_beside_them(verdict: Verdict, status: str) -> None:
    line = Line(
        event="release",
        repo="acme/bot",
        version="1.0.0",
        commit="0" * 40,
        digest="sha256:" + "0" * 64,
        date=datetime(2026, 1, 1, tzinfo=UTC),
        author="someone",
        smoke=report(verdict, "passed").summary(),
    )
    ledger = Ledger.empty().append(line)
    stored = json.loads(ledger.raw)["smoke"]
    assert stored["status"] == status
    assert stored["verdict"] == verdict
    (read,) = Ledger.decode(ledger.raw, "acme/bot").lines
    assert read.smoke is not None
    assert read.smoke.verdict == verdict
    assert read.smoke.status in get_args(LedgerStatus)


def test_a_verdict_of_a_later_hfver_is_read_by_its_status() -> None:
    data = {"status": "passed", "verdict": "praised", "device": "cpu", "dtype": "float32", "checks": 3}
    summary = SmokeSummary.model_validate(data)
    assert summary.verdict is None
    assert summary.in_words == "passed"


def test_an_unlisted_status_is_refused() -> None:
    with pytest.raises(ValueError, match="status"):
        SmokeSummary.model_validate({"status": "warned", "device": "cpu", "dtype": "float32", "checks": 3})


def test_in_words() -> None:
    assert report("passed", "passed").in_words == "passed"
    assert report("warned", "warned", "skipped", "passed").in_words == "warned, 1 of 3 checks skipped"
    assert report("not_judged", "passed", "skipped").in_words == "not judged, 1 of 2 checks skipped"
    assert report("failed", "failed", "warned", "skipped").in_words == "failed, 1 of 3 checks warned, 1 skipped"
    assert report("not_judged", "passed").summary().in_words == "not judged"
    assert report("warned", "warned", "skipped").summary().in_words == "warned, 1 of 2 checks skipped"


def test_what_0_1_skipped_was_not_judged() -> None:
    old = SmokeSummary.model_validate({"status": "skipped", "device": "cpu", "dtype": "float32", "checks": 3})
    assert old.in_words == "not judged"


def test_the_json_of_a_report() -> None:
    data = report("passed", "passed").model_dump(mode="json")
    assert data["golden"] is None
    assert set(data["checks"][0]) == {"name", "status", "detail", "hint"}
    assert set(GoldenComparison(source="acme/bot@1.0.0").model_dump()) == {
        "source",
        "words",
        "forms",
        "numbers",
        "kl",
        "limit",
        "blame",
    }
