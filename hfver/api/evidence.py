"""What ``hfver diff`` adds to a difference when asked: scripts that show it, and what it means to consumers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from hfver.api.consumers.check import check_consumers
from hfver.api.consumers.judgement import Compared
from hfver.core.ref import parse_ref
from hfver.core.version import Version
from hfver.errors import BadRef, UsageError
from hfver.model.compare import Difference, Side
from hfver.model.compare.witness import find_witnesses, write_witnesses

__all__ = ["check_outside", "with_consumers", "with_witnesses"]


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


def with_consumers(paths: Sequence[Path], sides: tuple[Side, Side], found: Difference) -> Difference:
    """Judge every change for every consumer.

    Raises:
        UsageError: A path does not exist.
    """
    compared = Compared(*sides, *(_version_of(side) for side in sides))
    return replace(found, consumers=check_consumers(paths, compared, found))


def _version_of(side: Side) -> tuple[str, str] | None:
    """Return repo and version of a release; None for a folder or another commit."""
    try:
        ref = parse_ref(side.name)
    except BadRef:
        return None
    return (ref.repo, str(ref.spec)) if isinstance(ref.spec, Version) else None
