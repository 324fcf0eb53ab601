"""How verified files and smoke reports are printed."""

from __future__ import annotations

import sys
from collections import Counter

from hfver.cli.rendering.basics import MARKS, human, plain, print_facts, say, stdout, table_of
from hfver.core.plural import counted
from hfver.core.results import Pulled, Verified
from hfver.core.smoke_report import CheckStatus, SmokeReport

__all__ = ["print_pulled", "print_smoke", "print_verified"]


def print_pulled(pulled: Pulled) -> None:
    """Print where a release was put; only the path goes to stdout, so that a script can use it."""
    say(f"{pulled.release} verified: {counted(pulled.verified, 'file')}")
    sys.stdout.write(f"{pulled.path}\n")


def print_verified(verified: Verified) -> None:
    """Print what was verified, and against what."""
    against = {"ledger": "the ledger", "manifest": "its manifest", "commit": "its commit"}[verified.evidence]
    print_facts(
        verified.repo,
        [
            ("version", verified.version or "–"),
            ("verified", f"{counted(verified.files, 'file')}, {human(verified.bytes_total)}, against {against}"),
            ("digest", verified.digest or "–"),
            ("signature", f"by {verified.signed_by}" if verified.signed_by else "not checked"),
            ("path", str(verified.path)),
        ],
    )


def print_smoke(report: SmokeReport) -> None:
    """Print a smoke report: a row per check, and the result with what it was measured on."""
    table = table_of("", "check", "evidence")
    for check in report.checks:
        table.add_row(MARKS[check.status], plain(check.name), plain(check.detail))
        if check.hint and check.status in ("warned", "failed", "not_judged"):
            table.add_row("", "", plain(f"→ {check.hint}"))
    console = stdout()
    console.print(table)
    device = plain(f"{report.device}, {report.dtype}")
    verdict = report.status.replace("_", " ")
    console.print(f"{MARKS[report.status]} [bold]{verdict}[/] · {_counts(report)} ·", device)


def _counts(report: SmokeReport) -> str:
    """Say how many checks came out how; speed and memory stand in a row of their own."""
    counts = Counter(check.status for check in report.checks)
    if report.failures:
        return f"{counts['failed']} of {counted(len(report.checks), 'check')} failed"
    parts = [f"{counted(counts['passed'], 'check')} passed"]
    words: dict[CheckStatus, str] = {"warned": "warned", "not_judged": "not judged", "skipped": "skipped"}
    parts += [f"{counts[status]} {word}" for status, word in words.items() if counts[status]]
    was_run = report.forward_passes != 0
    return ", ".join(parts) + ("" if was_run else " · the model was not run")
