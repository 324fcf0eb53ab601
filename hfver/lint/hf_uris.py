"""Strings of the form ``hf://ns/name``, as vLLM, KServe, pandas, polars and fsspec take them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from hfver.lint.report import RepoKind

__all__ = ["HOLE", "Uri", "is_commit", "looks_like_repo", "uris_in"]

HOLE = "\0"
"""Stands in a text for a part that only running the program would tell."""

_SEGMENT = r"[A-Za-z0-9\0_](?:[A-Za-z0-9._\0-]*[A-Za-z0-9_\0])?"
_HOLE = r"\$\{\{?[^}]*\}\}?|\{\{[^}]*\}\}|\{\w*\}|\$\w+|\0"
_PART = rf"(?:{_SEGMENT}|{_HOLE})+"
_URI = re.compile(
    rf"""hf://(?:(?P<kind>models|datasets|spaces|buckets)/)?(?!(?:models|datasets|spaces|buckets)(?![\w.-]))
    (?P<name>{_PART}(?:/{_PART})?)
    (?:@(?P<revision>refs/(?:pr|convert)/[\w\0-]+|[^/\s"'`,;)\]>]+)|:(?P<hash>[^/\s"'`,;)\]>]+))?""",
    re.VERBOSE,
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPO = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?(?:/[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?)?")


@dataclass(frozen=True)
class Uri:
    """One such string within a text, and where it stands there.

    Attributes:
        name: The repo; None if a part of it only shows when the program runs.
        revision: What follows ``@`` or ``:``; None if nothing does.
        is_open: Whether the revision only shows when the program runs.
    """

    kind: RepoKind
    name: str | None
    revision: str | None
    is_open: bool
    start: int
    end: int
    name_end: int


def uris_in(text: str) -> Iterator[Uri]:
    """Find every ``hf://`` string in a text that names a repo with versions (buckets have none)."""
    for match in _URI.finditer(text):
        kind = match["kind"] or "models"
        if kind == "buckets":
            continue
        revision = match["revision"] or match["hash"]
        is_open = bool(revision and re.search(_HOLE, revision))
        yield Uri(
            "datasets" if kind == "datasets" else "spaces" if kind == "spaces" else "models",
            None if re.search(_HOLE, match["name"]) else match["name"],
            unquote(revision) if revision else None,
            is_open,
            match.start(),
            match.end(),
            match.end("name"),
        )


def is_commit(revision: object) -> bool:
    """Tell whether a revision is a whole commit id: 40 hex digits, as the Hub writes them."""
    return isinstance(revision, str) and _COMMIT.fullmatch(revision) is not None


def looks_like_repo(name: str) -> bool:
    """Tell whether a string can be a repo's name; anything else can only be a path."""
    return _REPO.fullmatch(name) is not None
