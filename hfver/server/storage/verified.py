"""Which files of the LFS store were compared with the SHA-256 in their names. Standard library only, for the hook."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

VERIFIED = "verified"  # the folder beside the store's objects

# A write within the tick of the clock in which a file was looked at leaves no trace in its times. Ticks are at most
# 2 s long (on FAT).
_TICK_NS = 2 * 10**9


@dataclass(frozen=True)
class FileIdentity:
    """What changes whenever a file is written to, replaced or copied."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> FileIdentity:
        """Take the identity out of what `stat` returned."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    @property
    def is_settled(self) -> bool:
        """Whether a write from now on is certain to change the identity."""
        return max(self.modified_ns, self.changed_ns) + _TICK_NS < time.time_ns()

    def encode(self) -> bytes:
        """Write the identity as a line of text."""
        return f"{self.device} {self.inode} {self.size} {self.modified_ns} {self.changed_ns}\n".encode()


class VerifiedFiles:
    """Remembers, for each object, the identity that its file had when it was last compared with its name.

    A small file for each object rather than a database: the hook reads it in a moment, processes need no lock, and
    one that is torn or missing only means that the object is hashed again. So these files need no fsync either.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, oid: str) -> Path:
        return self._folder / oid[:2] / oid[2:]

    def includes(self, oid: str, identity: FileIdentity) -> bool:
        """Return whether the file with this identity was compared with its name."""
        try:
            return self._path(oid).read_bytes() == identity.encode()
        except OSError:
            return False

    def add(self, oid: str, identity: FileIdentity) -> None:
        """Remember an object. A disk that is full or read-only must not fail the request: it is hashed again then."""
        path = self._path(oid)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(identity.encode())


@contextlib.contextmanager
def open_object(path: Path) -> Iterator[FileIO | None]:
    """Open a regular file without following a link, or yield None if there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    with FileIO(handle) as file:
        yield file if stat.S_ISREG(os.fstat(handle).st_mode) else None


def matches_name(path: Path, verified: VerifiedFiles) -> FileIdentity | bool:
    """Compare an object with the SHA-256 that is its name, unless that was done for this very file before.

    Returns:
        True if they match; False if there is no such file, or it changed in the meantime; the identity of the file if
        it holds something else.
    """
    with open_object(path) as file:
        if file is None:
            return False
        identity = FileIdentity.of(os.fstat(file.fileno()))
        if verified.includes(path.name, identity):
            return True
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if FileIdentity.of(os.fstat(file.fileno())) != identity:
            return False
    if digest != path.name:
        return identity
    if identity.is_settled:
        verified.add(path.name, identity)
    return True
