"""Progress of long work, told to whoever listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called as work advances: what is done (``hashing``, ``uploading``…), bytes done so far, bytes in all.

    Calls may come from several threads.
    """

    def __call__(self, label: str, done: int, total: int) -> None:
        """Take note of one step forward."""


def silent(label: str, done: int, total: int) -> None:
    """Ignore progress; the default of every verb."""
