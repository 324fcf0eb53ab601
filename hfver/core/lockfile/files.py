"""Where a lock is: found from a folder upward, read whole, written at once."""

from __future__ import annotations

import os
from pathlib import Path

from hfver.core.lockfile.lock import Lock
from hfver.core.lockfile.toml import MAX_BYTES, decode_lock, encode_lock, refuse
from hfver.core.nearest import nearest
from hfver.errors import BadConfig

__all__ = ["LOCK", "find_lock", "locate_lock", "read_lock", "write_lock"]

LOCK = "hfver.lock"


def find_lock(start: Path) -> Lock | None:
    """Read the nearest ``hfver.lock``, from a folder upward; None if there is none.

    The search ends at the home folder or the root. It ends before a shared temporary folder too (as ``/tmp`` is),
    where anybody could lay a lock in wait. A lock in a pulled release came with it, and speaks for nobody.

    Raises:
        BadConfig: The nearest one is broken, or a newer hfver's.
    """
    path = locate_lock(start)
    return read_lock(path) if path else None


def locate_lock(start: Path) -> Path | None:
    """Find the nearest ``hfver.lock``, from a folder upward, as :func:`find_lock` does."""
    return nearest(start, lambda folder: folder / LOCK if (folder / LOCK).is_file() else None)


def read_lock(path: Path) -> Lock:
    """Read a lock.

    Raises:
        BadConfig: There is none, it cannot be read, or ``decode_lock`` refuses it.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise refuse(path, "it is too large")
        return decode_lock(path.read_bytes(), path)
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}.", "Make one: hfver lock NS/NAME@SPEC") from None


def write_lock(path: Path, lock: Lock) -> bool:
    """Write a lock at once or not at all; one that would not change is left alone. Tells whether it was written.

    Raises:
        BadConfig: The file cannot be written.
    """
    raw = encode_lock(lock)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.is_file() and path.read_bytes() == raw:
            return False
        part.write_bytes(raw)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BadConfig(f"{path} cannot be written: {error.strerror}.", "Name another: --lock PATH") from None
    return True
