"""The contents of ``.hfver/tensors.json``: every tensor of a release, in canonical JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from hfver.core.manifest import load_json, safe_path
from hfver.errors import VerificationError
from hfver.model.checkpoint.checkpoint import Tensor
from hfver.model.checkpoint.safetensors_header import DTYPE_BITS

SCHEMA = 1
MAX_BYTES = 64 * 1024 * 1024

_DIGEST = re.compile(r"xxh3:[0-9a-f]{32}")
_KEYS = {"file", "dtype", "shape", "digest"}


def encode_tensors(tensors: Iterable[Tensor]) -> bytes:
    """Return the canonical bytes: one line per tensor, sorted by name, so that a diff of two is readable."""
    rows = [
        f"{_dump(t.name)}: {_dump({'digest': t.digest, 'dtype': t.dtype, 'file': t.file, 'shape': t.shape})}"
        for t in sorted(tensors, key=lambda tensor: tensor.name)
    ]
    body = "".join(f"\n    {row}," for row in rows).removesuffix(",")
    return f'{{\n  "schema": {SCHEMA},\n  "tensors": {{{body}\n  }}\n}}\n'.encode()


def decode_tensors(data: bytes, where: str) -> tuple[Tensor, ...]:
    """Parse what ``encode_tensors`` returned; ``where`` names the release in errors.

    Raises:
        VerificationError: The bytes are not a list of tensors, or come from a newer hfver.
    """
    try:
        raw = load_json(data, limit=MAX_BYTES)
        _check_frame(raw, where)
        return tuple(sorted((_tensor(name, entry) for name, entry in raw["tensors"].items()), key=_by_name))
    except ValueError as error:
        reason = str(error).splitlines()[0][:200]
        raise VerificationError(f"The list of tensors of {where} is broken: {reason}.") from None


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _by_name(tensor: Tensor) -> str:
    return tensor.name


def _check_frame(raw: Any, where: str) -> None:
    if not isinstance(raw, dict) or type(raw.get("schema")) is not int:
        raise ValueError("it has no schema")
    if raw["schema"] > SCHEMA:
        raise VerificationError(
            f"The list of tensors of {where} has schema {raw['schema']}; this hfver reads up to {SCHEMA}.",
            "Run: pip install --upgrade hfver",
        )
    if raw["schema"] != SCHEMA or set(raw) != {"schema", "tensors"} or not isinstance(raw["tensors"], dict):
        raise ValueError("it does not hold exactly schema and tensors")


def _tensor(name: str, entry: Any) -> Tensor:
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        raise ValueError(f"{name[:120]!r} does not hold exactly file, dtype, shape and digest")
    file, dtype, shape, digest = (entry[key] for key in ("file", "dtype", "shape", "digest"))
    name.encode()  # raises a ValueError for an unpaired surrogate
    if not isinstance(file, str) or not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise ValueError(f"{name[:120]!r} has no known file or type")
    if not isinstance(shape, list) or not all(type(size) is int and 0 <= size < 2**63 for size in shape):
        raise ValueError(f"{name[:120]!r} has an invalid shape")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ValueError(f"{name[:120]!r} has no digest")
    return Tensor(name, safe_path(file), dtype, tuple(shape), digest)
