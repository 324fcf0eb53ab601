"""The judgement of one call: does it name a commit?"""

from __future__ import annotations

import ast
from typing import Literal

from hfver.lint.arguments import Arguments, read_arguments
from hfver.lint.hf_uris import is_commit
from hfver.lint.loaders import PACKAGED_DATASETS, Target, find_target
from hfver.lint.local_paths import is_checked_elsewhere, is_local, is_path
from hfver.lint.positions import OPEN_NAME, OPEN_REVISION, Site, judge_ref, make_finding, moving, unpinned
from hfver.lint.report import Finding, RepoKind, Rule
from hfver.lint.scopes import Call, Known, Scope, Value, evaluate, qualify

__all__ = ["judge_call"]

_REPO_TYPES: dict[object, RepoKind] = {None: "models", "model": "models", "dataset": "datasets", "space": "spaces"}


def judge_call(call: Call, site: Site) -> Finding | None:
    """Judge a call; None if it loads nothing from a Hub, or names a commit.

    The finding's place is still to be filled in.
    """
    function, arguments = _unwrap(call)
    target = next(filter(None, map(find_target, sorted(qualify(function, call.scope)))), None)
    if target is None:
        return None
    given = read_arguments(arguments, call.node.keywords, call.scope)
    if target.form == "ref":
        return _judge_reference(target, given, call.scope, site)
    if _hands_on(function, given):
        return None
    return _judge_named(target, given, call.scope, site)


def _unwrap(call: Call) -> tuple[ast.expr, list[ast.expr]]:
    """See ``partial(f, …)`` as the call of ``f`` that it prepares."""
    function, arguments = call.node.func, call.node.args
    if arguments and "functools.partial" in qualify(function, call.scope):
        return arguments[0], arguments[1:]
    return function, arguments


def _hands_on(function: ast.expr, given: Arguments) -> bool:
    """Tell an override that hands its arguments on to ``super()``: whoever calls it decides, and is checked there."""
    match function:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
            return given.is_open
    return False


def _judge_named(target: Target, given: Arguments, scope: Scope, site: Site) -> Finding | None:
    """Judge a call that takes a repo's name, and a revision beside it."""
    node = given.get(target.position, target.names)
    name = _read_name(node, target, scope, site)
    if name == "local" or (name == "none" and not _may_have_name(target, given)):
        return None
    repo = name.value if isinstance(name, Known) else None
    if repo is None and _is_true(given.get(None, ("local_files_only",)), scope):
        return None  # a folder, or what is on this machine already
    revision = given.get(target.revision, ("revision",))
    asked = evaluate(revision, scope) if revision is not None else Known(None)
    judged = _judge_revision(asked, str(repo) if repo else None, node is None, given)
    if judged is None:
        return None
    rule, message = judged
    kind = target.kind or _repo_type(given, scope)
    return make_finding(
        site,
        rule,
        message,
        name=repo,
        kind=kind,
        revision=asked.value if isinstance(asked, Known) and asked.value else None,
        fixable=bool(repo and kind and rule in ("unpinned", "moving-revision") and "revision" not in given.spread),
        position=target.revision,
    )


def _may_have_name(target: Target, given: Arguments) -> bool:
    return target.has_default or given.is_open or given.has_star


def _read_name(
    node: ast.expr | None, target: Target, scope: Scope, site: Site
) -> Known | Literal["local", "none", "open"]:
    """Read a name argument: a repo, a path or an object, nothing, or open until the program runs."""
    if node is None:
        return "none"
    value = evaluate(node, scope)
    if not isinstance(value, Known):
        return "local" if is_path(node, scope) or is_checked_elsewhere(node, scope) else "open"
    if not isinstance(value.value, str):
        return "none"
    text = value.value
    if target.kind == "datasets" and text in PACKAGED_DATASETS:
        return "local"
    if text.startswith("hf://") or is_local(text, site.folders):
        return "local"  # hf:// is judged as a string
    return value


def _judge_revision(asked: Value, repo: str | None, is_default: bool, given: Arguments) -> tuple[Rule, str] | None:
    if not isinstance(asked, Known):
        return "undecidable-revision", OPEN_REVISION
    if is_commit(asked.value):
        return None
    if asked.value:
        return "moving-revision", moving(repo, asked.value)
    if given.is_open or (given.has_star and repo is None):
        return "undecidable-arguments", "whether the arguments behind * or ** name a commit shows when the program runs"
    if repo is None:
        return ("unpinned", _DEFAULT) if is_default else ("undecidable-name", OPEN_NAME)
    return "unpinned", unpinned(repo)


_DEFAULT = "no model is named, so the library picks one that changes with the library"


def _repo_type(given: Arguments, scope: Scope) -> RepoKind | None:
    node = given.get(None, ("repo_type",))
    value = evaluate(node, scope) if node is not None else Known(None)
    return _REPO_TYPES.get(value.value) if isinstance(value, Known) else None


def _is_true(node: ast.expr | None, scope: Scope) -> bool:
    return node is not None and evaluate(node, scope) == Known(True)


def _judge_reference(target: Target, given: Arguments, scope: Scope, site: Site) -> Finding | None:
    """Judge a call that takes ``ns/name@SPEC``."""
    node = given.get(target.position, target.names)
    if node is None or is_path(node, scope):
        return None
    value = evaluate(node, scope)
    if isinstance(value, Known):
        return judge_ref(value.value, site) if isinstance(value.value, str) else None
    return make_finding(site, "undecidable-name", "the reference is not a literal", kind="models")
