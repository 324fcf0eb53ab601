"""How the pin check looks: one line per place, as compilers and grep write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hfver.cli.rendering.basics import plain, say, stderr, stdout

if TYPE_CHECKING:
    from hfver.pinning import Report

__all__ = ["print_pins"]


def print_pins(report: Report) -> None:
    """Print what is not pinned on stdout; what was done, and could not be, on stderr."""
    console = stdout()
    for finding in report.findings:
        note = f" ({finding.note})" if finding.note else ""
        console.print(plain(f"{finding.place}: {finding.rule}: {finding.call}: {finding.message}{note}"))
    for finding in report.fixed:
        say(f"{finding.place}: {finding.name} pinned to {finding.commit}")
    for unread in report.unread:
        stderr().print("[yellow]not read:[/]", plain(f"{unread.place}: {unread.reason}"))
    say(_summary(report))


def _summary(report: Report) -> str:
    files = f"{report.files} file{'s' if report.files != 1 else ''} read"
    if not report.findings:
        return f"Everything{' that could be read' if report.unread else ''} is pinned: {files}."
    places, where = len(report.findings), len({finding.path for finding in report.findings})
    can_fix = any(finding.fixable and not finding.note for finding in report.findings)
    remedy = " Write commits in: hfver pins --fix" if can_fix else ""
    return f"{places} not pinned, in {where} of {files}.{remedy}"
