"""Digests, repo names and strict JSON: what the ledger and the manifest have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import StringConstraints

__all__ = ["Digest", "RepoName", "Sha256", "digest_of", "load_json"]

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
RepoName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\-.0-9A-Z_a-z]*/[A-Za-z0-9][\-.0-9A-Z_a-z]*$")]
"""``namespace/name``: it becomes part of addresses and of folders."""


def digest_of(data: bytes) -> str:
    """Name bytes by their SHA-256: ``sha256:`` and 64 hex digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def load_json(data: bytes, *, limit: int) -> Any:
    """Parse JSON strictly: bounded size, UTF-8, no duplicate keys, no NaN.

    Raises:
        ValueError: The bytes break one of these rules.
    """
    if len(data) > limit:
        raise ValueError(f"{len(data)} bytes are more than the {limit} allowed")
    # json by itself takes bytes in other encodings, and half surrogates, which no file and no terminal can hold.
    text = data.decode()
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"duplicate key {key[:80]!r}")
        result[key] = value
    return result


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
