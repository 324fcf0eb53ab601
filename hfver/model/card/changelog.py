"""CHANGELOG.md in the format of Keep a Changelog: newest first, with earlier entries kept byte for byte."""

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
    """What one version changed.

    Attributes:
        version: The version.
        date: When it was released.
        message: What the author says about it; comes first.
        groups: Sentences under ``Breaking``, ``Changed``, ``Fixed``…, in this order.
        metrics: Every metric before and after.
        because: Why the version is lower than the change requires, in the author's words.
        is_first: Whether there is no earlier release.
    """

    version: str
    date: date
    message: str | None = None
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    metrics: tuple[MetricDelta, ...] = ()
    because: str | None = None
    is_first: bool = False


@dataclass(frozen=True)
class MetricDelta:
    """A metric before and after; None if it was not measured."""

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
    """Put an entry above the newest one of the previous changelog, or start a changelog.

    Args:
        previous: The changelog of the previous release, if there is one; it may be the author's own.
        entry: What to add.
        repo: The repo, for the introduction of a new changelog.
    """
    values = {"entry": entry, "repo": repo, "groups": {name: lines for name, lines in entry.groups.items() if lines}}
    written = fill("changelog_entry.md.j2", values).encode()
    if previous is None or not previous.strip():
        return fill("changelog.md.j2", values).encode() + b"\n" + written
    match = _ENTRY.search(previous)
    if match is None:
        return previous + (b"\n" if previous.endswith(b"\n") else b"\n\n") + written
    return previous[: match.start()] + written + b"\n" + previous[match.start() :]
