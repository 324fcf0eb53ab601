"""A plugin that writes the result of a run of all tests into the repo: ``make test-all`` loads it."""

from __future__ import annotations

import platform
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "tests" / "LAST_FULL_RUN.md"
LIBRARIES = ("torch", "transformers", "huggingface_hub", "datasets", "peft", "pytest")
COUNTED = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")

_started = time.monotonic()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write the record; of pytest-xdist's processes only the first has the summary."""
    if hasattr(config, "workerinput"):
        return
    stats = terminalreporter.stats
    counts = [f"{len(stats[outcome])} {outcome}" for outcome in COUNTED if stats.get(outcome)]
    broken = sorted({report.nodeid for outcome in ("failed", "error") for report in stats.get(outcome, ())})
    skipped = sorted({f"{report.nodeid}: {report.longrepr[2]}" for report in stats.get("skipped", ())})
    RECORD.write_text(
        "\n".join(
            [
                "# The last full run",
                "",
                "Written by `make test-all`, which runs every test.",
                "",
                f"- Date: {datetime.now(UTC):%Y-%m-%d}",
                f"- Commit: {_commit()}",
                f"- Result: {', '.join(counts)}",
                f"- Time: {(time.monotonic() - _started) / 60:.0f} minutes",
                f"- On: Python {platform.python_version()}, {platform.system()} {platform.machine()}",
                f"- With: {', '.join(f'{name} {version(name)}' for name in LIBRARIES)}",
                *_listed("Failed", broken),
                *_listed("Skipped", skipped),
                "",
            ]
        ),
        encoding="utf-8",
    )


def _listed(title: str, lines: list[str]) -> list[str]:
    return ["", f"{title}:", "", *(f"- {line}" for line in lines)] if lines else []


def _commit() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown, not in a git checkout"
