"""Where a text is, and findings made for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hfver.core.ref import Commit, Latest, parse_ref
from hfver.core.version import Version
from hfver.errors import BadRef
from hfver.lint.hf_uris import Uri, is_commit
from hfver.lint.report import Finding, Rule

__all__ = [
    "OPEN_NAME",
    "OPEN_REVISION",
    "Site",
    "ignored_lines",
    "judge_ref",
    "judge_uri",
    "make_finding",
    "moving",
    "unpinned",
]

_IGNORE = re.compile(r"#\s*hfver:\s*ignore\b")

OPEN_REVISION = "the revision is worked out when the program runs"
OPEN_NAME = "name is not a literal, and no revision is given"


@dataclass(frozen=True)
class Site:
    """Where a text is, for what its findings say and for what a name in it can mean.

    Attributes:
        path: The file, as reports name it.
        folders: Where a relative path in it can start.
        is_locked: Whether the nearest lock has a reference.
        cell: Which cell of a notebook it is, from 1.
    """

    path: str
    folders: tuple[Path, ...] = ()
    is_locked: Callable[[str], bool] = lambda _: False
    cell: int | None = None


def make_finding(site: Site, rule: Rule, message: str, **more: Any) -> Finding:
    """Make a finding whose place within the text is still to be filled in."""
    return replace(Finding(site.path, 1, 1, 1, 1, rule, "", message, cell=site.cell), **more)


def ignored_lines(source: str) -> set[int]:
    """List the lines that say ``# hfver: ignore``, counted from 1."""
    if "hfver:" not in source:
        return set()
    return {number for number, line in enumerate(source.split("\n"), 1) if _IGNORE.search(line)}


def judge_ref(text: str, site: Site) -> Finding | None:
    """Judge hfver's own references: an exact version is as good as a commit, since the ledger makes it immutable."""
    try:
        ref = parse_ref(text)
    except BadRef:
        return None
    if isinstance(ref.spec, Version | Commit) or site.is_locked(text):
        return None
    rule: Rule = "unpinned" if isinstance(ref.spec, Latest) else "moving-revision"
    message = f"{text} is neither an exact version nor a commit, and no hfver.lock has it (hfver lock {text})"
    return make_finding(site, rule, message, name=ref.repo, revision=str(ref.spec))


def judge_uri(uri: Uri, site: Site) -> Finding | None:
    """Judge one ``hf://`` string."""
    if is_commit(uri.revision):
        return None
    rule, message = _judge_uri(uri)
    return make_finding(site, rule, message, call="hf://", name=uri.name, kind=uri.kind, revision=uri.revision)


def _judge_uri(uri: Uri) -> tuple[Rule, str]:
    if uri.is_open:
        return "undecidable-revision", OPEN_REVISION
    if uri.revision is not None:
        return "moving-revision", moving(uri.name, uri.revision)
    if uri.name is None:
        return "undecidable-name", OPEN_NAME
    return "unpinned", unpinned(uri.name)


def moving(name: str | None, revision: object) -> str:
    """Say that a revision can come to mean another commit."""
    of = f" of {name}" if name else ""
    return f"revision {str(revision)!r}{of} is not a commit of 40 hex digits"


def unpinned(name: str) -> str:
    """Say that no revision is given."""
    return f"{name} is loaded from its main branch: no revision is given"
