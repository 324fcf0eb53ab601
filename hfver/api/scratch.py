"""A temporary folder for large files, which a later run deletes if this one is killed."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

__all__ = ["scratch_folder"]

_PREFIX, _LOCK = "hfver-convert-", "lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Create a temporary folder for as long as the block runs, and delete those that killed runs left."""
    for left in Path(gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            _sweep(left)
    with TemporaryDirectory(prefix=_PREFIX) as folder, (Path(folder) / _LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(folder)


def _sweep(left: Path) -> None:
    """Delete a folder of this user whose lock nobody holds: the kernel releases it when its process dies."""
    # Anybody can create a folder of that name in /tmp. So it is opened without following a link, and must be ours.
    handle = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(handle).st_uid != os.geteuid():
            return
        with (left / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    finally:
        os.close(handle)
