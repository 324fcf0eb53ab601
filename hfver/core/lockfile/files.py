"""Finding, reading and writing ``hfver.lock``."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from hfver.core.below import sync_folder
from hfver.core.disk import disk_error
from hfver.core.lockfile.lock import Lock
from hfver.core.lockfile.toml import MAX_BYTES, decode_lock, encode_lock, refuse
from hfver.core.nearest import nearest
from hfver.errors import BadConfig

__all__ = ["LOCK", "find_lock", "locate_lock", "read_lock", "write_lock"]

LOCK = "hfver.lock"


def find_lock(start: Path) -> Lock | None:
    """Read the nearest ``hfver.lock`` in a folder or above it; return None if no lock is found.

    The search ends at the home folder or the root, and before a shared folder such as ``/tmp``, where anybody could put
    a lock. A lock in a pulled release is not used: it came with the release.

    Raises:
        BadConfig: The nearest lock is broken, or was written by a newer version of hfver.
    """
    path = locate_lock(start)
    return read_lock(path) if path else None


def locate_lock(start: Path) -> Path | None:
    """Find the nearest ``hfver.lock``, from a folder upward, as :func:`find_lock` does."""
    return nearest(start, lambda folder: folder / LOCK if (folder / LOCK).is_file() else None)


def read_lock(path: Path) -> Lock:
    """Read a lock.

    Raises:
        BadConfig: The file does not exist or cannot be read, or ``decode_lock`` refuses its content.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise refuse(path, "it is too large")
        return decode_lock(path.read_bytes(), path)
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}.", "Create a lock: hfver lock NS/NAME@SPEC") from None


def write_lock(path: Path, lock: Lock) -> bool:
    """Write a lock atomically, unless the file would not change, and return whether it was written.

    A power failure leaves the old lock or the new one.

    Raises:
        BadConfig: The file cannot be written.
    """
    raw = encode_lock(lock)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.is_file() and path.read_bytes() == raw:
            return False
        with part.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        elsewhere = "name a different file (--lock PATH)"
        if known := disk_error(error, path, len(raw), elsewhere):
            raise BadConfig(known.message, known.hint) from None
        raise BadConfig(f"{path} cannot be written: {error.strerror}.", "Name a different file: --lock PATH") from None
    return True
