"""Search from a folder upward for a file that belongs to the project."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hfver.core.repo_paths import MANIFEST, MARK

__all__ = ["is_release", "nearest"]

T = TypeVar("T")


def nearest(start: Path, find: Callable[[Path], T | None]) -> T | None:
    """Return what ``find`` returns for the nearest folder, from a folder upward; None if it finds nothing.

    The search ends at the home folder or the root. It also ends before a shared temporary folder such as ``/tmp``,
    where anybody could leave a file for others to find. A file in a pulled release came with the release and does not
    belong to the project, so the search continues above it.
    """
    start, found = start.absolute(), None
    for folder in (start, *start.parents):
        if folder != start and _is_shared(folder):
            break
        if is_release(folder):
            found = None
        elif found is None:
            found = find(folder)
        if folder == Path.home():
            break
    return found


def is_release(folder: Path) -> bool:
    """Return whether a pull filled a folder, or began to fill it."""
    return (folder / MANIFEST).is_file() or (folder / MARK).is_file()


def _is_shared(folder: Path) -> bool:
    mode = folder.stat().st_mode
    return bool(mode & stat.S_ISVTX and mode & stat.S_IWOTH)
