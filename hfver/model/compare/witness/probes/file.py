"""A file: whether it is there, whether it can be read, and its hash."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def observe(folder: Path, question: dict[str, Any]) -> Any:
    """Return whether the file is there, or is JSON, or its hash; None for the hash of a file that is not there."""
    path = folder / question["path"]
    if question["what"] == "there":
        return path.exists()
    if not path.is_file():
        return None
    if question["what"] == "json":
        return is_json(path.read_bytes())
    return blob_of(path) if question["what"] == "blob" else sha256_of(path)


def is_json(data: bytes) -> bool:
    """Return whether bytes are JSON."""
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def blob_of(path: Path) -> str:
    """Return the id that git gives to a file."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def differences(question: dict[str, Any], expected: Any, observed: Any) -> list[str]:
    """Say how the file differs."""
    if observed == expected:
        return []
    path = question["path"]
    if question["what"] == "there" or observed is None:
        return [f"{path} is there now, and was not before" if observed else f"{path} is missing"]
    if question["what"] == "json":
        return [f"{path} can be read now, and could not before" if observed else f"{path} is not JSON"]
    if expected is None:
        return [f"{path} is there now, and was not before"]
    return [f"{path} has different bytes: its hash was {expected} and is now {observed}"]
