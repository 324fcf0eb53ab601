"""What files hashed to the last time, so that an unchanged one need not be opened again.

One small file per cached file rather than a database: several processes write at once without locks (each
write is a rename), home folders on NFS are fine, and a damaged entry costs only itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from hfver.core.cache_folder import default_folder, is_private
from hfver.model.checkpoint.safetensors_header import DTYPE_BITS
from hfver.model.checkpoint.untrusted_files import Stat

_SCHEMA = 1
_MAX_ENTRY = 256 * 1024 * 1024
_KEEP_NS = 180 * 24 * 3600 * 10**9


@dataclass(frozen=True, slots=True)
class TensorDigest:
    """A tensor without the file that holds it: a cache entry outlives a renaming."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a file: its SHA-256, and its tensors if it was read as safetensors."""

    sha256: str
    tensors: tuple[TensorDigest, ...] | None = None


class HashCache:
    """Digests by (device, inode, size, mtime_ns, ctime_ns), kept in the user's cache folder.

    It never fails: a broken entry is discarded, and a folder that cannot be written, or that others could
    have written to, is ignored.
    """

    def __init__(self, folder: Path | None = None, *, margin: float = 2.0) -> None:
        """Use a folder, ``default_folder()`` if none is given.

        Args:
            folder: Where to keep the entries; made when first written.
            margin: Seconds that a file must have been left alone before its look is remembered. File systems
                count time in ticks (2 s on FAT): a write in the very tick of our look would leave no trace
                (git calls such an entry racy).
        """
        self.folder = (folder or default_folder()) / "hashes"
        self._margin_ns = int(margin * 1e9)

    def lookup(self, found: Stat, *, tensors: bool = False) -> Known | None:
        """Return what a file with exactly this stat hashed to, or None.

        Args:
            found: What the file looks like now.
            tensors: Whether only an entry that lists the tensors is of use.
        """
        path = self._path(found)
        try:
            if not is_private(self.folder):
                return None
            known = _decode(path, found)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return None if known is None or (tensors and known.tensors is None) else known

    def remember(self, found: Stat, known: Known, looked_at_ns: int) -> None:
        """Keep what a file hashed to, unless it was touched too shortly before it was looked at.

        Args:
            found: What the file looked like before it was read (and still did after).
            known: What it hashed to.
            looked_at_ns: When ``found`` was taken, as ``time.time_ns()`` gives it.
        """
        if max(found.mtime_ns, found.ctime_ns) + self._margin_ns >= looked_at_ns:
            return
        # What cannot be written is not remembered; hashing again is always right.
        with contextlib.suppress(OSError):
            _write(self._path(found), _encode(found, known))

    def prune(self) -> None:
        """Forget what was not written for half a year."""
        with contextlib.suppress(OSError):
            oldest = time.time_ns() - _KEEP_NS
            for path in self.folder.glob("*/*"):
                if path.lstat().st_mtime_ns < oldest:
                    path.unlink(missing_ok=True)

    def _path(self, found: Stat) -> Path:
        # By inode alone, so that a file that changes replaces its own entry and the folder does not grow.
        name = hashlib.sha256(f"{found.device}:{found.inode}".encode()).hexdigest()[:40]
        return self.folder / name[:2] / name[2:]


def _encode(found: Stat, known: Known) -> bytes:
    tensors = None if known.tensors is None else [[t.name, t.dtype, t.shape, t.digest] for t in known.tensors]
    body = json.dumps({"schema": _SCHEMA, "stat": found, "sha256": known.sha256, "tensors": tensors}).encode()
    return xxhash.xxh3_128_hexdigest(body).encode() + b"\n" + body


def _decode(path: Path, found: Stat) -> Known | None:
    if path.stat().st_size > _MAX_ENTRY:
        return None
    check, _, body = path.read_bytes().partition(b"\n")
    if xxhash.xxh3_128_hexdigest(body).encode() != check:
        return None
    raw = json.loads(body)
    if raw["schema"] != _SCHEMA or tuple(raw["stat"]) != found:
        return None
    tensors = raw["tensors"]
    return Known(raw["sha256"], None if tensors is None else tuple(_tensor(row) for row in tensors))


def _tensor(row: list[Any]) -> TensorDigest:
    name, dtype, shape, digest = row
    if dtype not in DTYPE_BITS:
        raise ValueError(dtype)
    return TensorDigest(name, dtype, tuple(shape), digest)


def _write(path: Path, data: bytes) -> None:
    path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # mode is of the last one only
    path.parent.mkdir(mode=0o700, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
