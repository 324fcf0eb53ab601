"""Where a source text comes from, and which of its lines are exempt from checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["SourceContext", "suppressed_lines"]

_SUPPRESSION = re.compile(r"#\s*hfver:\s*ignore\b")


@dataclass(frozen=True)
class SourceContext:
    """Where a source text comes from: what its diagnostics say, and what names in it can refer to.

    Attributes:
        path: The file, as reports name it.
        folders: Folders in which a relative path in the text can start.
        is_locked: Returns whether the nearest ``hfver.lock`` has a reference.
        expand: Writes a reference without an alias of the nearest ``hfver.toml``.
    """

    path: str
    folders: tuple[Path, ...] = ()
    is_locked: Callable[[str], bool] = lambda _: False
    expand: Callable[[str], str] = lambda reference: reference


def suppressed_lines(lines: Iterable[str]) -> set[int]:
    """Return the numbers of the lines that have a comment ``# hfver: ignore``, from 1."""
    # The test for the word alone is several times faster than the expression, and nearly always enough.
    return {number for number, line in enumerate(lines, 1) if "hfver:" in line and _SUPPRESSION.search(line)}
