"""Git-LFS pointers: the short text that git stores in place of a large file. Standard library only."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

MAX_POINTER = 1024
UPLOADED = "lfs-uploaded"  # a folder in every repo, with an empty file for each object that was uploaded to the repo
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*"
    rb"oid sha256:([0-9a-f]{64})\nsize (0|[1-9][0-9]{0,18})\n?"
)


@dataclass(frozen=True)
class Pointer:
    """A large file, identified by its SHA-256 and its size in bytes."""

    oid: str
    size: int

    def encode(self) -> bytes:
        """Write the pointer in its one canonical form, byte for byte as git-lfs does."""
        text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.oid}\nsize {self.size}\n"
        return text.encode("ascii")

    def blob_id(self) -> str:
        """Compute the id of the pointer's git blob. A repo that ever referred to the content has this blob."""
        data = self.encode()
        return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def parse_pointer(data: bytes) -> Pointer | None:
    """Parse a pointer; None if `data` is anything else."""
    found = _POINTER.fullmatch(data) if len(data) <= MAX_POINTER else None
    return Pointer(found[1].decode(), int(found[2])) if found else None
