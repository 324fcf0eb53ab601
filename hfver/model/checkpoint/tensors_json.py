"""The contents of ``.hfver/tensors.json``: every tensor of a release, in canonical JSON.

Schema 2 adds a sample of each tensor, and its SHA-256 if that was wanted. Schema 1, which hfver 0.1 wrote, is read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from hfver.core.manifest import TensorRoots, load_json, safe_path
from hfver.errors import VerificationError
from hfver.model.checkpoint.checkpoint import Tensor
from hfver.model.checkpoint.safetensors_header import DTYPE_BITS

SCHEMA = 2
MAX_BYTES = 128 * 1024 * 1024

_DIGEST = re.compile(r"xxh3:[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEYS = {
    1: ({"file", "dtype", "shape", "digest"}, set[str]()),
    2: ({"file", "dtype", "shape", "digest", "sample"}, {"sha256"}),
}
"""The keys of an entry by schema: those that it must have, and those that it may have."""


def encode_tensors(tensors: Iterable[Tensor]) -> bytes:
    """Return the canonical bytes: one line per tensor, sorted by name, so that a diff of two is readable."""
    rows = [f"{_dump(tensor.name)}: {_dump(_entry(tensor))}" for tensor in sorted(tensors, key=_by_name)]
    body = "".join(f"\n    {row}," for row in rows).removesuffix(",")
    return f'{{\n  "schema": {SCHEMA},\n  "tensors": {{{body}\n  }}\n}}\n'.encode()


def tensor_roots(tensors: Iterable[Tensor]) -> TensorRoots:
    """Return the digests that stand for a whole list of tensors."""
    ordered = sorted(tensors, key=_by_name)
    return TensorRoots(
        count=len(ordered),
        bytes=sum(tensor.nbytes for tensor in ordered),
        layout=_root(ordered, lambda tensor: [tensor.name, tensor.dtype, tensor.shape]),
        values=_root(ordered, lambda tensor: [tensor.name, tensor.digest]),
    )


def decode_tensors(data: bytes, where: str) -> tuple[Tensor, ...]:
    """Parse what ``encode_tensors`` returned; ``where`` names the release in errors.

    Raises:
        VerificationError: The bytes are not a list of tensors, or come from a newer hfver.
    """
    try:
        raw = load_json(data, limit=MAX_BYTES)
        schema = _check_frame(raw, where)
        return tuple(sorted((_tensor(name, entry, schema) for name, entry in raw["tensors"].items()), key=_by_name))
    except ValueError as error:
        reason = str(error).splitlines()[0][:200]
        raise VerificationError(f"The list of tensors of {where} is broken: {reason}.") from None


def _entry(tensor: Tensor) -> dict[str, Any]:
    entry = {
        "digest": tensor.digest,
        "dtype": tensor.dtype,
        "file": tensor.file,
        "sample": base64.b64encode(tensor.sample).decode(),
        "shape": tensor.shape,
    }
    return entry if tensor.sha256 is None else {**entry, "sha256": tensor.sha256}


def _root(tensors: Iterable[Tensor], row: Callable[[Tensor], list[Any]]) -> str:
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(f"{json.dumps(row(tensor), ensure_ascii=False, separators=(',', ':'))}\n".encode())
    return f"sha256:{found.hexdigest()}"


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _by_name(tensor: Tensor) -> str:
    return tensor.name


def _check_frame(raw: Any, where: str) -> int:
    if not isinstance(raw, dict) or type(raw.get("schema")) is not int:
        raise ValueError("it has no schema")
    if raw["schema"] > SCHEMA:
        raise VerificationError(
            f"The list of tensors of {where} has schema {raw['schema']}; this hfver reads up to {SCHEMA}.",
            "Run: pip install --upgrade hfver",
        )
    if raw["schema"] not in _KEYS or set(raw) != {"schema", "tensors"} or not isinstance(raw["tensors"], dict):
        raise ValueError("it does not hold exactly schema and tensors")
    return int(raw["schema"])


def _tensor(name: str, entry: Any, schema: int) -> Tensor:
    required, optional = _KEYS[schema]
    if not isinstance(entry, dict) or not required <= set(entry) <= required | optional:
        raise ValueError(f"{name[:120]!r} does not hold exactly {', '.join(sorted(required))}")
    file, dtype, shape, digest = (entry[key] for key in ("file", "dtype", "shape", "digest"))
    name.encode()  # raises a ValueError for an unpaired surrogate
    if not isinstance(file, str) or not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise ValueError(f"{name[:120]!r} has no known file or type")
    if not isinstance(shape, list) or not all(type(size) is int and 0 <= size < 2**63 for size in shape):
        raise ValueError(f"{name[:120]!r} has an invalid shape")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ValueError(f"{name[:120]!r} has no digest")
    sample, sha256 = _sample(name, entry.get("sample", "")), entry.get("sha256")
    if "sha256" in entry and (not isinstance(sha256, str) or not _SHA256.fullmatch(sha256)):
        raise ValueError(f"{name[:120]!r} has an invalid SHA-256")
    return Tensor(name, safe_path(file), dtype, tuple(shape), digest, sample, sha256)


def _sample(name: str, text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, binascii.Error):
        raise ValueError(f"{name[:120]!r} has an invalid sample") from None
