"""URIs of the form ``hf://ns/name``, as vLLM, KServe, pandas, polars and fsspec read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from hfver.lint.report import RepoKind

__all__ = ["PLACEHOLDER", "HubUri", "find_uris"]

PLACEHOLDER = "\0"
"""Stands in a text for a part that is only known at run time."""

_SEGMENT = r"[A-Za-z0-9\0_](?:[A-Za-z0-9._\0-]*[A-Za-z0-9_\0])?"
# In order: ${{ x }} and ${x}, {{ x }}, {x}, $x, and our own placeholder.
_DYNAMIC = r"\$\{\{?[^}]*\}\}?|\{\{[^}]*\}\}|\{\w*\}|\$\w+|\0"
_PART = rf"(?:{_SEGMENT}|{_DYNAMIC})+"
_URI = re.compile(
    rf"""hf://(?:(?P<kind>models|datasets|spaces|buckets)/)?(?!(?:models|datasets|spaces|buckets)(?![\w.-]))
    (?P<name>{_PART}(?:/{_PART})?)
    (?:@(?P<revision>refs/(?:pr|convert)/[\w\0-]+|[^/\s"'`,;)\]>]+)|:(?P<hash>[^/\s"'`,;)\]>]+))?""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class HubUri:
    """A URI in a text.

    Attributes:
        kind: The kind of repo.
        name: The repo; None if a part of it is only known at run time.
        revision: What follows ``@``, or ``:`` in KServe's form; None if nothing does or it is dynamic.
        is_dynamic: Whether the revision is only known at run time.
        start: Offset of the URI in the text, in characters.
        end: Offset of the first character after it.
    """

    kind: RepoKind
    name: str | None
    revision: str | None
    is_dynamic: bool
    start: int
    end: int


def find_uris(text: str) -> Iterator[HubUri]:
    """Find every ``hf://`` URI of a repo in a text. Buckets have no versions and are skipped."""
    for match in _URI.finditer(text):
        kind = match["kind"] or "models"
        if kind == "buckets":
            continue
        revision = match["revision"] or match["hash"]
        is_dynamic = bool(revision and re.search(_DYNAMIC, revision))
        yield HubUri(
            "datasets" if kind == "datasets" else "spaces" if kind == "spaces" else "models",
            None if re.search(_DYNAMIC, match["name"]) else match["name"],
            unquote(revision) if revision and not is_dynamic else None,
            is_dynamic,
            match.start(),
            match.end(),
        )
