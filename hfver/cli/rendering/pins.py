"""How the pin check looks: one line per place, as compilers and grep write them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hfver.cli.rendering.basics import plain, say, stderr, stdout

if TYPE_CHECKING:
    from pathlib import Path

    from hfver.lint import Report

__all__ = ["print_pins"]


def print_pins(report: Report, paths: Iterable[Path]) -> None:
    """Print what is not pinned on stdout; what was done, and could not be, on stderr.

    ``paths`` are what was asked about, for the command to run next.
    """
    console = stdout()
    for finding in report.findings:
        note = f" ({finding.note})" if finding.note else ""
        console.print(plain(f"{finding.place}: {finding.rule}: {finding.call}: {finding.message}{note}"))
    for finding in report.fixed:
        say(f"{finding.place}: {finding.name} pinned to {finding.commit}")
    for unread in report.unread:
        stderr().print("[yellow]not read:[/]", plain(f"{unread.place}: {unread.reason}"))
    say(_summary(report, paths))


def _summary(report: Report, paths: Iterable[Path]) -> str:
    files = f"{report.files} file{'s' if report.files != 1 else ''} read"
    if not report.findings:
        return f"Everything{' that could be read' if report.unread else ''} is pinned: {files}."
    places, where = len(report.findings), len({finding.path for finding in report.findings})
    can_fix = any(finding.fixable and not finding.note for finding in report.findings)
    remedy = f" Write commits in: hfver pins {shlex.join(map(str, paths))} --fix" if can_fix else ""
    return f"{places} not pinned, in {where} of {files}.{remedy}"
