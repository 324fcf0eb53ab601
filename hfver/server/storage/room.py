"""Room on the Hub's disk: asked for before a large object is taken, and told apart from other failures afterwards."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
from pathlib import Path

import pygit2

from hfver.server.problems import Problem

__all__ = ["check_room", "room_problem"]

_STATUS = 507
_FULL = {
    errno.ENOSPC: "its disk is full",
    errno.EDQUOT: "its disk quota is used up",
    errno.EFBIG: "a file would be larger than it may write",
    errno.EROFS: "its disk is read-only",
}
# SQLite and libgit2 only say it in words: their own, or those of the C library in an untranslated process.
_WORDS = {
    "database or disk is full": errno.ENOSPC,
    "No space left on device": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "File too large": errno.EFBIG,
    "readonly database": errno.EROFS,
    "Read-only file system": errno.EROFS,
}


def check_room(folder: Path, size: int) -> None:
    """Check that a folder's disk has room for one more file.

    Raises:
        Problem: 507 if it has not.
    """
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    if found.f_blocks and size > free:
        raise _problem(f"{_FULL[errno.ENOSPC]}: {size} bytes needed, {free} free")
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit != resource.RLIM_INFINITY and size > limit:
        raise _problem(f"{_FULL[errno.EFBIG]}: {size} bytes needed, {limit} allowed")


def room_problem(error: BaseException) -> Problem | None:
    """Return the response to a failure of the Hub's disk: 507, which clients do not retry; None for any other error."""
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, OSError | sqlite3.Error | pygit2.GitError) and number not in _FULL:
        number = next((number for words, number in _WORDS.items() if words in str(error)), None)
    return _problem(_FULL[number]) if number in _FULL else None


def _problem(reason: str) -> Problem:
    return Problem(_STATUS, f"The Hub cannot store this: {reason}")
