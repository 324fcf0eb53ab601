"""A file that arrives in pieces and is hashed as it is written, so that it is known before it is used."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["Digests", "PartialFile"]

BLOCK = 1024 * 1024
"""Bytes that are read at a time."""


@dataclass(frozen=True)
class Digests:
    """What a file hashes to: its SHA-256, and git's id of its blob; None for an LFS object."""

    sha256: str
    blob: str | None


class PartialFile:
    """The beginning of a file of a known size.

    Args:
        stream: The file, open for reading and writing, unbuffered. What it has already is hashed now.
        size: The size of the whole file, in bytes. A file that has more is not the beginning of this one.
        regular: Whether git has the file itself, so that its blob id is needed.
    """

    def __init__(self, stream: BinaryIO, size: int, *, regular: bool) -> None:
        self.size, self._stream, self._regular = size, stream, regular
        self.restart(keep=os.fstat(stream.fileno()).st_size <= size)

    def restart(self, *, keep: bool = False) -> None:
        """Start with an empty file; with ``keep``, after the bytes that it has."""
        self.written = 0
        self._sha256 = hashlib.sha256()
        self._blob = hashlib.sha1(b"blob %d\x00" % self.size, usedforsecurity=False)
        self._stream.seek(0)
        if not keep:
            self._stream.truncate(0)
        while block := self._stream.read(BLOCK):
            self._count(block)

    def write(self, block: bytes) -> None:
        """Add a block at the end."""
        left = memoryview(block)
        while left:  # an unbuffered stream may take less than it is given
            left = left[self._stream.write(left) :]
        self._count(block)

    def _count(self, block: bytes) -> None:
        self._sha256.update(block)
        if self._regular:
            self._blob.update(block)
        self.written += len(block)

    def digests(self) -> Digests:
        """Return what the bytes hash to that were written so far."""
        return Digests(self._sha256.hexdigest(), self._blob.hexdigest() if self._regular else None)
