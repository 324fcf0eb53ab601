"""How functions report the progress of long operations."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A function that is called while an operation advances, possibly from several threads."""

    def __call__(self, label: str, done: int, total: int) -> None:
        """Report progress.

        Args:
            label: The operation, such as ``hashing`` or ``uploading``.
            done: The number of bytes done so far.
            total: The number of bytes in total.
        """


def silent(label: str, done: int, total: int) -> None:
    """Ignore progress; the default of every function."""
