"""A temporary folder for large files, which a later run deletes if this one is killed."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

__all__ = ["scratch_folder"]

_PREFIX = "hfver-convert-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Create a temporary folder for as long as the block runs, and delete those that killed runs left."""
    for left in Path(gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            _sweep(left)
    folder, lock = _locked_folder()
    with ExitStack() as stack:
        stack.callback(os.close, lock)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def _locked_folder() -> tuple[Path, int]:
    """Create a folder and lock it; the kernel releases the lock when the process dies, however it dies."""
    # The folder is its own lock: a lock file would leave a moment in which a killed run's folder has none, so that it
    # could not be told from the folder of a run that is about to create one.
    while True:
        folder = Path(mkdtemp(prefix=_PREFIX))
        with suppress(FileNotFoundError):  # another run swept it before it was locked
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _sweep(left: Path) -> None:
    """Delete a folder of this user that no process has locked."""
    # Anybody can create a folder of that name in /tmp. So it is opened without following a link, and must be ours.
    lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(lock).st_uid == os.geteuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    finally:
        os.close(lock)
