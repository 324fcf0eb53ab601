"""What a file on disk looks like from outside: while that stays the same, what was read of it holds."""

from __future__ import annotations

import os
from typing import NamedTuple

__all__ = ["FileStamp"]


class FileStamp(NamedTuple):
    """What identifies an unchanged file: any write changes at least the last two fields."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, result: os.stat_result) -> FileStamp:
        """Take the five numbers from the answer of the operating system."""
        return cls(result.st_dev, result.st_ino, result.st_size, result.st_mtime_ns, result.st_ctime_ns)
