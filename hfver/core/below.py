"""Writing and deleting below a folder without following a link, so that a prepared folder cannot lead out of itself.

Each folder on the way is opened from the one before it, and a link is refused. So a link that replaces a folder between
a check and the write is refused too.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hfver.errors import UsageError

__all__ = [
    "create_below",
    "holder",
    "is_plain_below",
    "make_durable_folder",
    "replace_below",
    "resume_below",
    "sync_folder",
    "unlink_below",
]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def holder(root: Path, path: str, *, create: bool = False, durable: bool = False) -> Iterator[tuple[int, str]]:
    """Open the folder that has a file, and yield its descriptor and the file's name.

    Args:
        root: The folder to stay below. It may be reached through links: whoever named it chose them.
        path: The path below it, with ``/``; checked by ``safe_path``.
        create: Make the folders that do not exist.
        durable: Sync the names of new folders to disk.

    Raises:
        UsageError: A folder on the way is a link, or not a folder.
        FileNotFoundError: A folder on the way does not exist, and was not to be made.
    """
    *folders, name = path.split("/")
    current = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for number, folder in enumerate(folders):
            if create:
                with suppress(FileExistsError):
                    os.mkdir(folder, dir_fd=current)
                    if durable:
                        os.fsync(current)
            try:
                below = os.open(folder, _FOLDER, dir_fd=current)
            except OSError as error:
                # Linux reports a link as ENOTDIR, other systems as ELOOP.
                if error.errno in (errno.ELOOP, errno.ENOTDIR):
                    raise _in_the_way(root.joinpath(*folders[: number + 1])) from None
                raise
            os.close(current)
            current = below
        yield current, name
    finally:
        os.close(current)


def _in_the_way(path: Path) -> UsageError:
    kind = "a link" if path.is_symlink() else "not a folder"
    return UsageError(
        f"{path} is {kind}, where a folder of a release must be; nothing is written or deleted through it.",
        f"Check who put it there, remove {path}, then run the command again.",
    )


def unlink_below(root: Path, path: str, *, durable: bool = False) -> None:
    """Delete a file below a folder if it exists; of a link, the link itself.

    Args:
        root: The folder.
        path: The path below it.
        durable: Sync the deletion to disk before anything that comes after it.

    Raises:
        UsageError: A folder on the way is a link.
    """
    with suppress(FileNotFoundError), holder(root, path) as (folder, name):
        os.unlink(name, dir_fd=folder)
        if durable:
            os.fsync(folder)


def create_below(root: Path, path: str) -> BinaryIO:
    """Create a file below a folder, in place of one that exists, and open it for writing.

    Raises:
        UsageError: A folder on the way is a link.
    """
    with holder(root, path, create=True) as (folder, name):
        # A hard link or a link to a file of somebody else is removed, not written through.
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.fdopen(os.open(name, flags, 0o666, dir_fd=folder), "wb")


def resume_below(root: Path, path: str) -> BinaryIO:
    """Open a file below a folder for reading and writing, unbuffered; create it if there is none.

    A link, and a file that has a second name elsewhere, is somebody else's: it is removed, and a new file is created.

    Raises:
        UsageError: A folder on the way is a link.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with holder(root, path, create=True) as (folder, name):
        with suppress(FileNotFoundError):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                os.unlink(name, dir_fd=folder)
        return os.fdopen(os.open(name, flags, 0o666, dir_fd=folder), "r+b", buffering=0)


def replace_below(root: Path, source: str, target: str, *, durable: bool = False) -> None:
    """Rename a file below a folder, in place of one that exists.

    Args:
        root: The folder.
        source: The path of the file below it.
        target: The path that it gets.
        durable: Sync the content to disk before the file gets its name, and the name before this returns: a power
            failure leaves the old file or the new one.

    Raises:
        UsageError: A folder on the way is a link.
    """
    with holder(root, source) as (from_, old), holder(root, target, create=True, durable=durable) as (to, new):
        if durable:
            _sync_file(from_, old)
        os.replace(old, new, src_dir_fd=from_, dst_dir_fd=to)
        if durable:
            os.fsync(to)


def _sync_file(folder: int, name: str) -> None:
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def make_durable_folder(path: Path) -> None:
    """Create a folder and its parents unless they exist, and sync their names to disk."""
    if path.is_dir():
        return
    make_durable_folder(path.absolute().parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.absolute().parent)


def sync_folder(path: Path) -> None:
    """Sync the names in a folder to disk, so that a rename in it survives a power failure."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def is_plain_below(root: Path, path: str) -> bool:
    """Return whether a path below a folder is a regular file, not reached through a link.

    Raises:
        UsageError: A folder on the way is a link.
    """
    try:
        with holder(root, path) as (folder, name):
            return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
