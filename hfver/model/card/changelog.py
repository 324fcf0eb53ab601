"""CHANGELOG.md in the form of Keep a Changelog: newest first, earlier entries as they were, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from hfver.model.card.templates import fill

__all__ = ["ChangelogEntry", "MetricDelta", "render_changelog"]

_ENTRY = re.compile(rb"^## (?!\[?Unreleased\b)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class ChangelogEntry:
    """What one version changed."""

    version: str
    date: date
    message: str | None = None
    """What the author says; comes first."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Sentences under ``Breaking``, ``Changed``, ``Fixed``…, in this order."""
    metrics: tuple[MetricDelta, ...] = ()
    because: str | None = None
    """Why the version says less than the change, in the author's words."""
    is_first: bool = False


@dataclass(frozen=True)
class MetricDelta:
    """A metric before and after; None where it was not measured."""

    name: str
    before: float | None
    after: float | None

    @property
    def delta(self) -> str:
        """The difference with its sign, or a dash."""
        if self.before is None or self.after is None:
            return "–"
        return f"{self.after - self.before:+.4g}"


def render_changelog(previous: bytes | None, entry: ChangelogEntry, repo: str) -> bytes:
    """Put an entry before the newest one of the previous changelog, or begin one."""
    values = {"entry": entry, "repo": repo, "groups": {name: lines for name, lines in entry.groups.items() if lines}}
    written = fill("changelog_entry.md.j2", values).encode()
    if previous is None or not previous.strip():
        return fill("changelog.md.j2", values).encode() + b"\n" + written
    match = _ENTRY.search(previous)
    if match is None:
        return previous + (b"\n" if previous.endswith(b"\n") else b"\n\n") + written
    return previous[: match.start()] + written + b"\n" + previous[match.start() :]
