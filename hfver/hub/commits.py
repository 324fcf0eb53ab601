"""The body of a request to the Hub's commit API, which makes exactly one commit.

``HfApi.create_commit`` leaves out files that a ``.gitignore`` names and operations that change nothing, and if nothing
is left, it does not check ``parent_commit``. A release must be exactly what its manifest says, so the body is written
here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["AddFile", "AddLfsFile", "DeleteFile", "Operation", "encode_commit"]


@dataclass(frozen=True)
class AddFile:
    """Add or replace a regular file."""

    path: str
    content: bytes


@dataclass(frozen=True)
class AddLfsFile:
    """Add or replace a file by the id of an LFS object that the Hub has."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class DeleteFile:
    """Delete a file."""

    path: str


Operation = AddFile | AddLfsFile | DeleteFile


def encode_commit(operations: Iterable[Operation], summary: str, description: str, parent: str) -> bytes:
    """Encode the body of a commit request: NDJSON, with a header and a line per operation.

    Args:
        operations: What to change.
        summary: The title of the commit.
        description: The description of the commit.
        parent: The commit that the branch's head must be.
    """
    header = {"summary": summary, "description": description, "parentCommit": parent}
    lines = [{"key": "header", "value": header}, *(_line(operation) for operation in operations)]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _line(operation: Operation) -> dict[str, Any]:
    if isinstance(operation, DeleteFile):
        return {"key": "deletedFile", "value": {"path": operation.path}}
    if isinstance(operation, AddLfsFile):
        value = {"path": operation.path, "algo": "sha256", "oid": operation.sha256, "size": operation.size}
        return {"key": "lfsFile", "value": value}
    content = base64.b64encode(operation.content).decode()
    return {"key": "file", "value": {"path": operation.path, "content": content, "encoding": "base64"}}
