"""Parameter counts, read from the headers of safetensors files."""

from __future__ import annotations

import functools
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

import pygit2

from hfver.server.git.trees import TreeEntry
from hfver.server.storage.lfs_store import LfsStore
from hfver.server.storage.pointers import Pointer

_MAX_HEADER = 100 * 1000 * 1000  # the format's own limit
# Bytes of an index. The largest models have some hundred thousand tensors, of about 100 bytes each.
_MAX_INDEX = 50 * 1024 * 1024
_INDEX = "model.safetensors.index.json"
_WHOLE = ("model.safetensors", "adapter_model.safetensors")


def parameter_counts(git: pygit2.Repository, objects: LfsStore, entries: list[TreeEntry]) -> dict[str, object] | None:
    """Count parameters by dtype over the model's safetensors files; None if it has none."""
    total: Counter[str] = Counter()
    for entry in _weights(git, entries):
        total.update(dict(_counts(git, objects, entry)))
    if not total:
        return None
    return {"parameters": dict(total), "total": total.total()}


def _weights(git: pygit2.Repository, entries: list[TreeEntry]) -> list[TreeEntry]:
    """Choose the files that make up the model: the shards that its index names, or the single file."""
    by_path = {entry.path: entry for entry in entries}
    index = by_path.get(_INDEX)
    if index is not None and index.pointer is None and index.git_size <= _MAX_INDEX:
        names = _shards(bytes(git.odb.read(pygit2.Oid(hex=index.oid))[1]))
        return [by_path[name] for name in sorted(names) if name in by_path]
    return next(([by_path[name]] for name in _WHOLE if name in by_path), [])


def _shards(data: bytes) -> set[str]:
    try:
        weight_map = json.loads(data)["weight_map"]
        return {name for name in weight_map.values() if isinstance(name, str)}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return set()


def _counts(git: pygit2.Repository, objects: LfsStore, entry: TreeEntry) -> tuple[tuple[str, int], ...]:
    if entry.pointer is not None:
        return _counts_of_object(objects.path(entry.pointer.oid), entry.pointer)
    return _count(_split_header(bytes(git.odb.read(pygit2.Oid(hex=entry.oid))[1])))


@functools.lru_cache(maxsize=4096)
def _counts_of_object(path: Path, pointer: Pointer) -> tuple[tuple[str, int], ...]:
    """Count the parameters of a stored object; cached, because objects never change."""
    try:
        with path.open("rb") as file:
            return _count(_read_header(file, pointer.size))
    except OSError:
        return ()


def _read_header(file: BinaryIO, size: int) -> bytes:
    length = int.from_bytes(file.read(8), "little")
    return file.read(length) if length <= min(_MAX_HEADER, size - 8) else b""


def _split_header(data: bytes) -> bytes:
    length = int.from_bytes(data[:8], "little")
    return data[8 : 8 + length] if length <= len(data) - 8 else b""


def _count(header: bytes) -> tuple[tuple[str, int], ...]:
    """Count the parameters in a header; none if it is malformed."""
    try:
        tensors: dict[str, Any] = json.loads(header)
        counts: Counter[str] = Counter()
        for name, facts in tensors.items():
            if name != "__metadata__":
                counts[str(facts["dtype"])] += math.prod(_dimensions(facts["shape"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ()
    return tuple(sorted(counts.items()))


def _dimensions(shape: list[Any]) -> list[int]:
    # Bounded, so that a forged shape cannot make the product a number of millions of digits.
    if any(type(size) is not int or not 0 <= size < 2**40 for size in shape) or len(shape) > 16:
        raise ValueError("not a shape")
    return shape
