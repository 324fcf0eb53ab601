"""CHANGELOG.md in the form of Keep a Changelog: newest first, earlier entries as they were, byte for byte."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from hfver.card.templating import fill

__all__ = ["ChangelogEntry", "render_changelog"]

_GROUPS = {"major": "Breaking", "minor": "Changed", "patch": "Fixed"}
_ENTRY = re.compile(rb"^## (?!\[?Unreleased\b)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class ChangelogEntry:
    """What one version changed."""

    version: str
    date: date
    bump: str | None
    """``major``, ``minor`` or ``patch``; None for a first release."""
    message: str | None
    changes: tuple[str, ...]


def render_changelog(previous: bytes | None, entry: ChangelogEntry, repo: str) -> bytes:
    """Put an entry before the newest one of the previous changelog, or begin one."""
    values = {"entry": entry, "group": _GROUPS.get(entry.bump or "", "Added"), "repo": repo}
    written = fill("changelog_entry.md.j2", values).encode()
    if previous is None or not previous.strip():
        return fill("changelog.md.j2", values).encode() + b"\n" + written
    match = _ENTRY.search(previous)
    if match is None:
        return previous + (b"\n" if previous.endswith(b"\n") else b"\n\n") + written
    return previous[: match.start()] + written + b"\n" + previous[match.start() :]
