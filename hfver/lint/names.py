"""Repo names, commits and local paths, distinguished by how they are spelled."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["is_commit", "is_local_path", "looks_like_path", "looks_like_repo"]

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SEGMENT = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_REPO = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})?")
_PATH = re.compile(r"\.{1,2}(?:$|[/\\])|[/~\\]|[A-Za-z]:[/\\]|file:")


def is_commit(revision: object) -> bool:
    """Return whether a revision is a full commit id: 40 lowercase hex digits, as the Hub writes them."""
    return isinstance(revision, str) and _COMMIT.fullmatch(revision) is not None


def looks_like_repo(name: str) -> bool:
    """Return whether a string is a valid repo name; any other string can only be a path."""
    return _REPO.fullmatch(name) is not None


def looks_like_path(text: str) -> bool:
    """Return whether a string starts as only a path does: ``./``, ``/``, ``~``, ``C:``, ``file:``."""
    return _PATH.match(text) is not None


def is_local_path(name: str, folders: tuple[Path, ...]) -> bool:
    """Return whether a name means a local path: it is spelled like one, is no valid repo name, or exists.

    Args:
        name: The name; an ``hf://`` URI is never a path.
        folders: Where relative paths can start. Libraries prefer an existing folder to a repo of the same name.
    """
    if name.startswith("hf://"):
        return False
    if not looks_like_repo(name) or looks_like_path(name):
        return True
    return any((folder / name).exists() for folder in folders)
