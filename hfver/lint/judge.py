"""The judgement that Python, scripts and YAML share: revisions, references ``ns/name@SPEC`` and ``hf://`` URIs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hfver.core.ref import Commit, Latest, parse_ref
from hfver.core.version import Version
from hfver.errors import BadRef
from hfver.lint.context import SourceContext
from hfver.lint.hf_uris import HubUri
from hfver.lint.names import is_commit
from hfver.lint.report import Diagnostic, RuleName

__all__ = ["judge_reference", "judge_revision", "judge_uri", "make_diagnostic"]

Violation = tuple[RuleName, str]
"""A rule that a place violates, and the message."""


def make_diagnostic(context: SourceContext, rule: RuleName, message: str, **fields: Any) -> Diagnostic:
    """Make a diagnostic; the caller, who knows the place in the text, fills it in."""
    return replace(Diagnostic(context.path, 1, 1, 1, 1, rule, "", message), **fields)


def judge_revision(name: str | None, revision: object, *, is_dynamic: bool) -> Violation | None:
    """Judge a repo and its revision; None if the revision is a commit.

    Args:
        name: The repo; None if it is only known at run time.
        revision: The revision as given; None or empty if there is none.
        is_dynamic: Whether the revision is only known at run time.
    """
    if is_dynamic:
        return "undecidable-revision", "the revision is only known at run time"
    if is_commit(revision):
        return None
    if revision:
        of = f" of {name}" if name else ""
        return "moving-revision", f"revision {str(revision)!r}{of} is not a commit of 40 hex digits"
    if name is None:
        return "undecidable-name", "the repo's name is not a literal, and no revision is given"
    return "unpinned", f"{name} is loaded from its main branch: no revision is given"


def judge_uri(uri: HubUri, context: SourceContext) -> Diagnostic | None:
    """Judge an ``hf://`` URI; None if it names a commit."""
    violation = judge_revision(uri.name, uri.revision, is_dynamic=uri.is_dynamic)
    if violation is None:
        return None
    return make_diagnostic(context, *violation, call="hf://", name=uri.name, kind=uri.kind, revision=uri.revision)


def judge_reference(text: str, context: SourceContext) -> Diagnostic | None:
    """Judge a reference ``ns/name@SPEC`` of hfver's own; None if it is pinned, or no reference.

    An exact version is as good as a commit, since the ledger makes it immutable.
    """
    try:
        expanded = context.expand(text)
        ref = parse_ref(expanded)
    except BadRef:
        return None
    if isinstance(ref.spec, Version | Commit) or context.is_locked(expanded):
        return None
    rule: RuleName = "unpinned" if isinstance(ref.spec, Latest) else "moving-revision"
    shown = text if text == expanded else f"{text} ({expanded})"
    message = f"{shown} is neither an exact version nor a commit, and is not in hfver.lock (add it: hfver lock {text})"
    return make_diagnostic(context, rule, message, name=ref.repo, revision=str(ref.spec))
