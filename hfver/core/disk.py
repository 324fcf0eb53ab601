"""Disks that are full, read-only or limited: found before a long transfer where possible, and explained where not."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hfver.core.sizes import human
from hfver.errors import DiskError

__all__ = ["check_space", "disk_error", "explain", "free_bytes", "shares_blocks", "writing"]

_FICLONE = 0x40049409
"""The ioctl of Linux that makes a file share another one's blocks, from ``linux/fs.h``."""

_SPACE = "Free some space there, or {elsewhere}. Then run the same command again."
_REASONS = {
    errno.ENOSPC: ("the disk is full", _SPACE),
    errno.EDQUOT: ("your disk quota is used up", _SPACE),
    errno.EFBIG: (
        "the file would be larger than this process or the file system allows",
        "Raise the limit (ulimit -f unlimited), or {elsewhere}. Then run the same command again.",
    ),
    errno.EROFS: ("the file system is read-only", "Mount it for writing, or {elsewhere}."),
    errno.EACCES: ("you may not write there", "Change the permissions, or {elsewhere}."),
    errno.EPERM: ("you may not write there", "Change the permissions, or {elsewhere}."),
    errno.EIO: (
        "the disk reported an error",
        "Check the disk (dmesg), or {elsewhere}. Then run the same command again.",
    ),
    errno.ENAMETOOLONG: ("its name is too long for the file system", "Use a shorter path, or {elsewhere}."),
}
"""What an error of the operating system means, and what to do, by its number."""


def disk_error(
    error: OSError, path: Path | None = None, needed: int | None = None, elsewhere: str = "use a different disk"
) -> DiskError | None:
    """Explain an error of writing to a disk; return None for any other error.

    Args:
        error: The error.
        path: The file that was written; None for the one that the error names.
        needed: How many bytes are needed there; None if that is not known.
        elsewhere: How to write to a different place instead; completes "Free some space there, or …".
    """
    found = _REASONS.get(error.errno or 0)
    place = path or (Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None)
    if found is None:
        return None
    reason, hint = found
    sizes = []
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        sizes += [f"{human(needed)} needed"] if needed is not None else []
        sizes += [f"{human(free)} free"] if place is not None and (free := free_bytes(place)) is not None else []
        sizes += [f"{human(limit)} allowed per file"] if error.errno == errno.EFBIG and (limit := _file_limit()) else []
    said = f" ({', '.join(sizes)})" if sizes else ""
    name = place or "The output, or a file of hfver's,"
    return DiskError(f"{name} cannot be written: {reason}{said}.", hint.format(elsewhere=elsewhere))


def explain(error: OSError) -> DiskError | None:
    """Explain an error of the operating system of which only itself is known; None if it is not about a disk."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS):
        return disk_error(error)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EIO, errno.ENAMETOOLONG) and error.filename is not None:
        return DiskError(
            f"{os.fsdecode(error.filename)} cannot be read or written: {error.strerror}.",
            "Check the path, its permissions and the disk, then run the same command again.",
        )
    return None


@contextmanager
def writing(path: Path, needed: int | None = None, elsewhere: str = "use a different disk") -> Iterator[None]:
    """Translate errors of a disk inside the block.

    Args:
        path: The file that is written.
        needed: How many bytes are needed there.
        elsewhere: How to write to a different place instead.

    Raises:
        DiskError: The disk is full, read-only or broken.
    """
    try:
        yield
    except OSError as error:
        known = disk_error(error, path, needed, elsewhere)
        if known is None:
            raise
        raise known from error


def check_space(
    folder: Path, needed: int, *, largest: int = 0, elsewhere: str = "use a different disk", what: str = "files"
) -> None:
    """Check that a file system has room, before a transfer that may take hours.

    Args:
        folder: Where the files will be written; it may not exist yet.
        needed: How many bytes they need in all.
        largest: The size of the largest file, in bytes.
        elsewhere: How to write to a different place instead.
        what: Names the files in the message.

    Raises:
        DiskError: There is less room, or a file would be larger than the process may write.
    """
    free, limit = free_bytes(folder), _file_limit()
    if free is not None and needed > free:
        raise DiskError(
            f"{folder} has no room for {what}: {human(needed)} needed, {human(free)} free. Nothing was transferred.",
            _SPACE.format(elsewhere=elsewhere),
        )
    if limit is not None and largest > limit:
        raise DiskError(
            f"{folder} cannot hold {what}: the largest file has {human(largest)}, and this process may write "
            f"{human(limit)} per file. Nothing was transferred.",
            _REASONS[errno.EFBIG][1].format(elsewhere=elsewhere),
        )


def free_bytes(path: Path) -> int | None:
    """Return the bytes that a user can still write where a path is or will be; None if that cannot be found out."""
    for place in (path, *path.absolute().parents):
        with suppress(OSError):
            found = os.statvfs(place)
            # File systems without a size of their own, such as some network mounts, report zero blocks.
            return found.f_bavail * found.f_frsize if found.f_blocks else None
    return None


def _file_limit() -> int | None:
    """Return the maximum size of a file that this process may write, in bytes (``ulimit -f``); None for no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if soft == resource.RLIM_INFINITY else soft


def shares_blocks(source: Path, folder: Path) -> bool:
    """Return whether a copy of a file in a folder shares its blocks, so that it needs no room: btrfs, XFS and others.

    Args:
        source: The file.
        folder: The folder, or one that will be made. A file is created there and deleted to find out.
    """
    folder = next((one for one in (folder, *folder.absolute().parents) if one.is_dir()), folder)
    probe = folder / f".hfver-probe-{os.getpid()}"
    try:
        with source.open("rb") as reader, probe.open("xb") as writer:
            fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
    except OSError:
        return False
    finally:
        with suppress(OSError):
            probe.unlink()
    return True
