"""A cache of what files hashed to, so that an unchanged file need not be opened again.

It holds one small file per cached file rather than a database: several processes write at once without locks (each
write is a rename), home folders on NFS work, and a damaged entry costs only itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xxhash

from hfver.core.cache_folder import default_folder, is_private
from hfver.core.file_stamp import FileStamp
from hfver.model.checkpoint.safetensors_header import DTYPE_BITS
from hfver.model.secrets import SecretMatch, scanner_id

_SCHEMA = 1
_MAX_ENTRY = 256 * 1024 * 1024
_KEEP_NS = 180 * 24 * 3600 * 10**9


@dataclass(frozen=True, slots=True)
class TensorDigest:
    """A tensor without the file that holds it, because a cache entry outlives a renaming; see `Tensor`."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    digest: str
    sample: bytes = b""
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What one pass over a file found out.

    Attributes:
        sha256: 64 hex digits.
        tensors: Its tensors, if it was read as safetensors.
        secrets: Its secrets, if it was searched for them.
    """

    sha256: str
    tensors: tuple[TensorDigest, ...] | None = None
    secrets: tuple[SecretMatch, ...] | None = None


class HashCache:
    """Facts about files by (device, inode, size, mtime_ns, ctime_ns), kept in the user's cache folder.

    It never fails: a broken entry is discarded, and a folder that cannot be written, or that others could have written
    to, is ignored.
    """

    def __init__(self, folder: Path | None = None, *, margin: float = 2.0) -> None:
        """Use a folder, ``default_folder()`` by default.

        Args:
            folder: Where to keep the entries; made by the first write.
            margin: Seconds that a file must not have been modified before its facts are remembered. File systems
                count time in ticks (2 s on FAT): a write within the tick in which we looked at the file would leave no
                trace (git calls such an entry racy).
        """
        self.folder = (folder or default_folder()) / "hashes"
        self._margin_ns = int(margin * 1e9)

    def lookup(
        self, stamp: FileStamp, *, tensors: bool = False, secrets: bool = False, tensor_sha256: bool = False
    ) -> FileFacts | None:
        """Return the facts about a file with exactly this stamp, or None.

        Args:
            stamp: The stamp of the file now.
            tensors: Whether the facts must include the tensors.
            secrets: Whether the facts must include the verdict of the secret scan. A verdict of other patterns than
                today's does not count.
            tensor_sha256: Whether the facts must include the SHA-256 of each tensor.
        """
        path = self._path(stamp)
        try:
            if not is_private(self.folder):
                return None
            facts = _decode(path, stamp, secrets=secrets)
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if facts is None or (tensors and facts.tensors is None) or (secrets and facts.secrets is None):
            return None
        hashed = facts.tensors is not None and all(tensor.sha256 is not None for tensor in facts.tensors)
        if tensor_sha256:
            return facts if hashed else None
        if hashed:
            # A release must not depend on what an earlier one asked for.
            return replace(facts, tensors=tuple(replace(tensor, sha256=None) for tensor in facts.tensors or ()))
        return facts

    def remember(self, stamp: FileStamp, facts: FileFacts, looked_at_ns: int) -> None:
        """Keep the facts about a file, unless it was modified too shortly before we looked at it.

        Args:
            stamp: The stamp of the file before it was read (and still after).
            facts: What the pass over it found out.
            looked_at_ns: When ``stamp`` was taken, as ``time.time_ns()`` gives it.
        """
        if max(stamp.mtime_ns, stamp.ctime_ns) + self._margin_ns >= looked_at_ns:
            return
        # What cannot be written is not remembered; hashing again is always right.
        with contextlib.suppress(OSError):
            _write(self._path(stamp), _encode(stamp, facts))

    def forget(self, stamps: Iterable[FileStamp]) -> None:
        """Remove the facts about files, because they turned out to be wrong."""
        for stamp in stamps:
            with contextlib.suppress(OSError):
                self._path(stamp).unlink(missing_ok=True)

    def prune(self) -> None:
        """Remove entries that are older than half a year."""
        with contextlib.suppress(OSError):
            oldest = time.time_ns() - _KEEP_NS
            for path in self.folder.glob("*/*"):
                if path.lstat().st_mtime_ns < oldest:
                    path.unlink(missing_ok=True)

    def _path(self, stamp: FileStamp) -> Path:
        # By inode alone, so that a file that changes replaces its own entry and the folder does not grow.
        name = hashlib.sha256(f"{stamp.device}:{stamp.inode}".encode()).hexdigest()[:40]
        return self.folder / name[:2] / name[2:]


def _encode(stamp: FileStamp, facts: FileFacts) -> bytes:
    raw: dict[str, Any] = {"schema": _SCHEMA, "stat": stamp, "sha256": facts.sha256, "tensors": None}
    if facts.tensors is not None:
        raw["tensors"] = [[t.name, t.dtype, t.shape, t.digest, t.sample.hex(), t.sha256] for t in facts.tensors]
    if facts.secrets is not None:
        # Schema 1 had no such key, and ignores it. Old entries have no verdict, so their files are searched again.
        found = [[match.line, match.kind, match.fingerprint] for match in facts.secrets]
        raw["secrets"] = {"scanner": scanner_id(), "found": found}
    body = json.dumps(raw).encode()
    return xxhash.xxh3_128_hexdigest(body).encode() + b"\n" + body


def _decode(path: Path, stamp: FileStamp, *, secrets: bool) -> FileFacts | None:
    if path.stat().st_size > _MAX_ENTRY:
        return None
    check, _, body = path.read_bytes().partition(b"\n")
    if xxhash.xxh3_128_hexdigest(body).encode() != check:
        return None
    raw = json.loads(body)
    if raw["schema"] != _SCHEMA or tuple(raw["stat"]) != stamp:
        return None
    tensors = raw["tensors"]
    return FileFacts(
        raw["sha256"],
        None if tensors is None else tuple(_tensor(row) for row in tensors),
        _secrets(raw) if secrets else None,
    )


def _tensor(row: list[Any]) -> TensorDigest:
    # Entries of hfver 0.1 have no sample: their rows are too short, so that their files are read again.
    name, dtype, shape, digest, sample, sha256 = row
    if dtype not in DTYPE_BITS:
        raise ValueError(dtype)
    return TensorDigest(name, dtype, tuple(shape), digest, bytes.fromhex(sample), sha256)


def _secrets(raw: dict[str, Any]) -> tuple[SecretMatch, ...] | None:
    verdict = raw.get("secrets")
    if verdict is None or verdict["scanner"] != scanner_id():
        return None
    return tuple(SecretMatch(int(line), str(kind), str(fingerprint)) for line, kind, fingerprint in verdict["found"])


def _write(path: Path, data: bytes) -> None:
    path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # mode applies to the last folder only
    path.parent.mkdir(mode=0o700, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
