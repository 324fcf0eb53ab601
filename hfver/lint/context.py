"""Where a source text comes from, and which of its lines are exempt from checks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["SourceContext", "split_lines", "suppressed_lines"]

_SUPPRESSION = re.compile(r"#\s*hfver:\s*ignore\b")
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class SourceContext:
    """Where a source text comes from: what its diagnostics say, and what names in it can refer to.

    Attributes:
        path: The file, as reports name it.
        folders: Folders in which a relative path in the text can start.
        is_locked: Returns whether the nearest ``hfver.lock`` has a reference.
        cell: The number of the notebook cell, from 1.
    """

    path: str
    folders: tuple[Path, ...] = ()
    is_locked: Callable[[str], bool] = lambda _: False
    cell: int | None = None


def split_lines(source: str) -> list[str]:
    """Split a text where Python's parser does; ``str.splitlines`` also splits at form feeds and others."""
    return _LINE_END.split(source)


def suppressed_lines(source: str) -> set[int]:
    """Return the numbers of the lines that have a comment ``# hfver: ignore``, from 1."""
    if "hfver:" not in source:
        return set()
    return {number for number, line in enumerate(split_lines(source), 1) if _SUPPRESSION.search(line)}
