"""Witnesses of files: one that is gone or new, cannot be read, or has different bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hfver.model.compare.witness.candidate import Candidate, Subject

__all__ = ["differing_file", "unreadable_file"]


def differing_file(subject: Subject) -> Iterator[Candidate]:
    """A file or folder that only one side has; else the file's hash, which says nothing of what differs."""
    path, pair = subject.path, subject.pair
    if path.endswith("/"):
        there = any(name.startswith(path) for name in pair.before.files)
        yield _there(subject.where.rstrip("/"), there)
        return
    old, new = (_identity(path, side.files, side.documents) for side in (pair.before, pair.after))
    if bool(old) != bool(new):
        yield _there(subject.full(path), bool(old))
    elif old != new and old.partition(":")[0] == new.partition(":")[0]:
        scheme, _, digest = old.partition(":")
        yield Candidate("file", {"what": scheme, "path": subject.full(path)}, "hash", digest)


def _there(path: str, expected: bool) -> Candidate:
    return Candidate("file", {"what": "there", "path": path}, "behavior", expected)


def _identity(path: str, files: Mapping[str, str], documents: Mapping[str, str]) -> str:
    return files.get(path) or documents.get(path) or ""


def unreadable_file(subject: Subject) -> Iterator[Candidate]:
    """A JSON file that can no longer be parsed."""
    question = {"what": "json", "path": subject.full(subject.path)}
    yield Candidate("file", question)
