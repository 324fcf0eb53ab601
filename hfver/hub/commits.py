"""Commits by the Hub's commit API: one request, one commit, nothing dropped in silence.

``HfApi.create_commit`` leaves out files that a ``.gitignore`` names and operations that change nothing, and does
not look at ``parent_commit`` then. A release must be exactly what its manifest says, so the lines are written here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Delete", "Operation", "Put", "PutLfs", "encode_commit"]


@dataclass(frozen=True)
class Put:
    """Write a regular file."""

    path: str
    content: bytes


@dataclass(frozen=True)
class PutLfs:
    """Point a path to an LFS object that the server already has."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Delete:
    """Remove a file."""

    path: str


Operation = Put | PutLfs | Delete


def encode_commit(operations: Iterable[Operation], summary: str, description: str, parent: str) -> bytes:
    """Write the body of a commit request: NDJSON, a header and one line per operation."""
    header = {"summary": summary, "description": description, "parentCommit": parent}
    lines = [{"key": "header", "value": header}, *(_line(operation) for operation in operations)]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _line(operation: Operation) -> dict[str, Any]:
    if isinstance(operation, Delete):
        return {"key": "deletedFile", "value": {"path": operation.path}}
    if isinstance(operation, PutLfs):
        value = {"path": operation.path, "algo": "sha256", "oid": operation.sha256, "size": operation.size}
        return {"key": "lfsFile", "value": value}
    content = base64.b64encode(operation.content).decode()
    return {"key": "file", "value": {"path": operation.path, "content": content, "encoding": "base64"}}
