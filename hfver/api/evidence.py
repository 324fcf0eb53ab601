"""What ``hfver diff`` adds to a difference when asked: scripts that show it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hfver.errors import UsageError
from hfver.model.compare import Difference, Side
from hfver.model.compare.witness import find_witnesses, write_witnesses

__all__ = ["check_outside", "with_witnesses"]


def check_outside(directory: Path, compared: Iterable[Path]) -> None:
    """Make sure that witnesses do not become part of a model.

    Raises:
        UsageError: The folder is a compared one, or lies within one.
    """
    for folder in compared:
        if directory.resolve().is_relative_to(folder.resolve()):
            raise UsageError(
                f"{directory} is part of {folder}, which is compared.", "Name a folder outside of it: --witness DIR"
            )


def with_witnesses(directory: Path, names: tuple[str, str], sides: tuple[Side, Side], found: Difference) -> Difference:
    """Write a witness for each MAJOR change, and return the difference that names them.

    Raises:
        UsageError: The folder cannot be written, or has files that somebody else wrote.
    """
    shown, scripts = find_witnesses(*sides, found)
    write_witnesses(directory, *names, shown, scripts)
    return shown
