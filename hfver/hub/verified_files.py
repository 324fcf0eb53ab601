"""Small files of releases, kept on this machine by their SHA-256: what is compared twice is fetched once.

Releases are immutable, and a file's name here is the hash that its release lists, so nothing can be stale. A file is
hashed whenever it is read. All of it can be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from pathlib import Path

from hfver.core.cache_folder import default_folder, is_private

__all__ = ["VerifiedFiles"]

MAX_KEPT = 32 * 1024 * 1024
"""Size in bytes of the largest file that is kept: lists of tensors and tokenizers are smaller."""

_KEEP_NS = 30 * 24 * 3600 * 10**9


class VerifiedFiles:
    """Files by their SHA-256, in the user's cache folder. It never fails: what cannot be kept is fetched again."""

    def __init__(self) -> None:
        self.folder = default_folder() / "files"

    def get(self, sha256: str) -> bytes | None:
        """Return the file with this SHA-256 (64 hex digits), or None."""
        try:
            if not is_private(self.folder):
                return None
            content = self._path(sha256).read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == sha256 else None

    def put(self, sha256: str, content: bytes) -> None:
        """Keep a file, whose SHA-256 the caller has checked."""
        if len(content) > MAX_KEPT:
            return
        path = self._path(sha256)
        part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
        with contextlib.suppress(OSError):
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.parent.mkdir(mode=0o700, exist_ok=True)
                part.write_bytes(content)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)

    def prune(self) -> None:
        """Remove files that were kept more than a month ago."""
        with contextlib.suppress(OSError):
            oldest = time.time_ns() - _KEEP_NS
            for path in self.folder.glob("*/*"):
                if path.lstat().st_mtime_ns < oldest:
                    path.unlink(missing_ok=True)

    def _path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256[2:]
