"""How many broken models the smoke eval catches, and how many healthy ones it refuses, as a line of the summary."""

from __future__ import annotations

from collections import Counter
from typing import Any

BROKEN, HEALTHY = "tests/model/smoke/test_zoo.py", "tests/model/smoke/test_healthy"


def write_rates(reporter: Any) -> None:
    """Write both rates, if tests of both kinds ran: one test stands for one model."""
    caught, passed = (_outcomes(reporter, path) for path in (BROKEN, HEALTHY))
    if caught.total() and passed.total():
        reporter.write_line(
            f"smoke eval: {caught['passed']} of {caught.total()} broken models caught, "
            f"{passed['failed']} of {passed.total()} healthy models refused"
        )


def _outcomes(reporter: Any, path: str) -> Counter[str]:
    return Counter(
        outcome
        for outcome in ("passed", "failed")
        for report in reporter.stats.get(outcome, [])
        if report.nodeid.startswith(path)
    )
