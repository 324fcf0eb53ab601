"""What this process wrote to a repo, so that answers which are older than that are recognized.

Hubs answer reads from caches. After a write, refs may show what was there before for longer than a second, and a repo
or commit may be unknown to the very process that made it. What is known here corrects such refs, and says when a "not
found" may be a matter of seconds.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace

from hfver.hub.listing import Refs

__all__ = ["OwnWrites"]

WINDOW = 60.0
"""Seconds after a write in which an answer may be older than the write. After that, the Hub is believed again."""


@dataclass
class _Branch:
    """A branch as this process left it.

    Attributes:
        head: Its head; None if it was deleted.
        before: The heads that it had before. A Hub that still shows one of them has not caught up.
        at: When it was written.
    """

    head: str | None
    before: set[str] = field(default_factory=set)
    at: float = field(default_factory=time.monotonic)


class OwnWrites:
    """The writes of this process to one repo. Safe to use from several threads."""

    def __init__(self) -> None:
        self._branches: dict[str, _Branch] = {}
        self._tags: dict[str, tuple[str, float]] = {}
        self._last = -WINDOW
        self._lock = threading.Lock()

    def note(self) -> None:
        """Note a write, after which the Hub may not yet know what it made."""
        self._last = time.monotonic()

    def note_branch(self, name: str, head: str | None, before: str | None = None) -> None:
        """Note that a branch was created, committed to or deleted; ``head`` is None for a deleted one."""
        self.note()
        with self._lock:
            known = self._branches.get(name)
            earlier = {*(known.before if known else ()), *({known.head} if known and known.head else ())}
            earlier |= {before} if before else set()
            self._branches[name] = _Branch(head, earlier - {head or ""})

    def note_tag(self, name: str, commit: str) -> None:
        """Note that a tag was created."""
        self.note()
        with self._lock:
            self._tags[name] = commit, time.monotonic()

    @property
    def are_recent(self) -> bool:
        """Whether the Hub may not yet know the last write."""
        return time.monotonic() - self._last < WINDOW

    def applied_to(self, refs: Refs) -> Refs:
        """Return refs with what this process wrote, where they show what was there before."""
        now = time.monotonic()
        branches, tags = dict(refs.branches), dict(refs.tags)
        with self._lock:
            for name, branch in self._branches.items():
                shown = branches.get(name)
                if now - branch.at >= WINDOW or not (shown in branch.before or (shown is None and branch.head)):
                    continue  # the Hub shows our write, or one that was made after it
                if branch.head:
                    branches[name] = branch.head
                else:
                    del branches[name]
            for name, (commit, at) in self._tags.items():
                if now - at < WINDOW:
                    tags.setdefault(name, commit)
        return replace(refs, branches=branches, tags=tags)
