"""How verified files and smoke reports look."""

from __future__ import annotations

import sys

from hfver.cli.rendering.basics import MARKS, human, plain, print_facts, say, stdout, table_of
from hfver.core.results import Pulled, Verified
from hfver.core.smoke_report import SmokeReport

__all__ = ["print_pulled", "print_smoke", "print_verified"]


def print_pulled(pulled: Pulled) -> None:
    """Print where a release is now; the path alone goes to stdout, so that a script can use it."""
    say(f"{pulled.release} verified: {pulled.verified} files")
    sys.stdout.write(f"{pulled.path}\n")


def print_verified(verified: Verified) -> None:
    """Print that everything is as released."""
    against = {"ledger": "the ledger", "manifest": "its manifest", "commit": "its commit"}[verified.evidence]
    print_facts(
        verified.repo,
        [
            ("version", verified.version or "–"),
            ("verified", f"{verified.files} files, {human(verified.bytes_total)}, against {against}"),
            ("digest", verified.digest or "–"),
            ("signature", f"by {verified.signed_by}" if verified.signed_by else "not asked for"),
            ("path", str(verified.path)),
        ],
    )


def print_smoke(report: SmokeReport) -> None:
    """Print a smoke report."""
    table = table_of("", "check", "evidence")
    for check in report.checks:
        table.add_row(MARKS[check.status], plain(check.name), plain(check.detail))
    console = stdout()
    console.print(table)
    figures = [f"{report.device}, {report.dtype}"]
    if report.load_seconds is not None:
        figures.append(f"loaded in {report.load_seconds:.2f} s")
    if report.tokens_per_second is not None:
        figures.append(f"{report.tokens_per_second:,.0f} tokens/s")
    if report.peak_memory_bytes is not None:
        figures.append(f"peak memory {human(report.peak_memory_bytes)}")
    console.print(f"{MARKS[report.status]} [bold]{report.status}[/] · {' · '.join(figures)}")
