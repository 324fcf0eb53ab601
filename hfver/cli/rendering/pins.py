"""Print the report of ``hfver pins``: one line per place, as compilers and grep write them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hfver.cli.rendering.basics import plain, say, stderr, stdout
from hfver.core.plural import counted

if TYPE_CHECKING:
    from pathlib import Path

    from hfver.lint import Report

__all__ = ["print_pins"]


def print_pins(report: Report, paths: Iterable[Path]) -> None:
    """Print what is not pinned to stdout, and what was fixed or could not be read to stderr.

    Args:
        report: The report.
        paths: The paths that were checked, for the command to run next.
    """
    console = stdout()
    for diagnostic in report.findings:
        note = f" ({diagnostic.note})" if diagnostic.note else ""
        line = f"{diagnostic.place}: {diagnostic.rule}: {diagnostic.call}: {diagnostic.message}{note}"
        console.print(plain(line))
    for diagnostic in report.fixed:
        say(f"{diagnostic.place}: {diagnostic.name} pinned to {diagnostic.commit}")
    for source in report.unread:
        stderr().print("[yellow]not read:[/]", plain(f"{source.place}: {source.reason}"))
    say(_summary(report, paths))


def _summary(report: Report, paths: Iterable[Path]) -> str:
    files = f"{counted(report.files, 'file')} read"
    if not report.findings:
        return f"Everything{' that could be read' if report.unread else ''} is pinned: {files}."
    places, where = len(report.findings), len({diagnostic.path for diagnostic in report.findings})
    can_fix = any(diagnostic.fixable and not diagnostic.note for diagnostic in report.findings)
    remedy = f" Write commits in: hfver pins {shlex.join(map(str, paths))} --fix" if can_fix else ""
    return f"{places} not pinned, in {where} of {files}.{remedy}"
