"""Judge one call: does it load from a Hub, and does it name a commit?"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from typing import Literal

from hfver.lint.context import SourceContext
from hfver.lint.judge import judge_reference, judge_revision, make_diagnostic
from hfver.lint.names import is_local_path
from hfver.lint.python.arguments import Argument, Arguments, read_arguments
from hfver.lint.python.evaluate import Constant, Value, evaluate, qualified_names
from hfver.lint.python.loaders import PACKAGED_DATASETS, Loader, find_loader
from hfver.lint.python.provenance import is_loaded_elsewhere, is_path
from hfver.lint.python.scopes import CallSite
from hfver.lint.report import Diagnostic, RepoKind, RuleName

__all__ = ["judge_call"]

_REPO_TYPES: dict[object, RepoKind] = {None: "models", "model": "models", "dataset": "datasets", "space": "spaces"}


@dataclass(frozen=True)
class _Callee:
    """The function that a call runs or prepares.

    Attributes:
        function: The expression that names it.
        arguments: Its positional arguments.
        offset: Index of the first of them among the positional arguments of the call: 1 for ``partial(f, …)``.
    """

    function: ast.expr
    arguments: list[ast.expr]
    offset: int = 0


def judge_call(call: CallSite, context: SourceContext) -> Diagnostic | None:
    """Judge a call.

    Returns:
        A diagnostic, in which the place is still to be filled in; None if the call loads nothing from a Hub, or names
        a commit.
    """
    callee = _unwrap_partial(call)
    loaders = map(find_loader, sorted(qualified_names(callee.function, call.scope)))
    loader = next((loader for loader in loaders if loader), None)
    if loader is None:
        return None
    given = read_arguments(callee.arguments, call.node.keywords, call.scope)
    name = _spell(callee.function)
    if loader.form == "ref":
        return _judge_hfver_call(loader, given, name, context)
    if _forwards_to_super(callee.function, given):
        return None
    return _judge_loader_call(loader, given, name, callee.offset, context)


def _unwrap_partial(call: CallSite) -> _Callee:
    """Treat ``partial(f, …)`` as the call of ``f`` that it prepares."""
    function, arguments = call.node.func, call.node.args
    if arguments and "functools.partial" in qualified_names(function, call.scope):
        return _Callee(arguments[0], arguments[1:], offset=1)
    return _Callee(function, arguments)


def _spell(function: ast.expr) -> str:
    """Return a function's name as the source spells it, without the arguments of calls in between."""
    rest = ""
    while isinstance(function, ast.Attribute | ast.Call):
        if isinstance(function, ast.Attribute):
            rest = f".{function.attr}{rest}"
            function = function.value
        else:
            rest = f"(){rest}"
            function = function.func
    return (function.id if isinstance(function, ast.Name) else "…") + rest


def _forwards_to_super(function: ast.expr, given: Arguments) -> bool:
    """Return whether an override passes its ``**`` on to ``super()``: its callers give the revision and are checked."""
    match function:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
            return given.has_unknown_keywords
    return False


def _judge_hfver_call(loader: Loader, given: Arguments, call: str, context: SourceContext) -> Diagnostic | None:
    """Judge a call that takes ``ns/name@SPEC``."""
    reference = given.get(loader.position, loader.names)
    if reference is None or is_path(*reference):
        return None
    value = evaluate(*reference)
    if not isinstance(value, Constant):
        return make_diagnostic(context, "undecidable-name", "the reference is not a literal", call=call)
    diagnostic = judge_reference(value.value, context) if isinstance(value.value, str) else None
    return replace(diagnostic, call=call) if diagnostic else None


def _judge_loader_call(
    loader: Loader, given: Arguments, call: str, offset: int, context: SourceContext
) -> Diagnostic | None:
    """Judge a call that takes a repo's name and, in another argument, its revision."""
    named = given.get(loader.position, loader.names)
    name = _read_name(named, loader, context)
    if name == "local" or (name == "none" and not _can_name_repo(loader, given)):
        return None
    repo = str(name.value) if isinstance(name, Constant) else None
    if repo is None and _is_true(given.get(None, ("local_files_only",))):
        return None  # nothing is downloaded: a folder, or what is in the cache already
    given_revision = given.get(loader.revision, ("revision",))
    revision = evaluate(*given_revision) if given_revision else Constant(None)
    violation = _judge_arguments(repo, revision, given, uses_default=named is None)
    if violation is None:
        return None
    rule, message = violation
    kind = loader.kind or _read_repo_type(given)
    is_fixable = rule in ("unpinned", "moving-revision") and "revision" not in given.unpacked
    return make_diagnostic(
        context,
        rule,
        message,
        call=call,
        name=repo,
        kind=kind,
        revision=str(revision.value) if isinstance(revision, Constant) and revision.value else None,
        fixable=bool(repo and kind and is_fixable),
        position=None if loader.revision is None else loader.revision + offset,
    )


def _can_name_repo(loader: Loader, given: Arguments) -> bool:
    """Return whether a call without a visible name loads a repo nevertheless."""
    return loader.has_default or given.has_unknown_keywords or given.has_star


def _read_name(
    argument: Argument | None, loader: Loader, context: SourceContext
) -> Constant | Literal["local", "none", "unknown"]:
    """Read a name argument: a repo, a local path or loaded object, nothing, or unknown until run time."""
    if argument is None:
        return "none"
    value = evaluate(*argument)
    if not isinstance(value, Constant):
        return "local" if is_path(*argument) or is_loaded_elsewhere(*argument) else "unknown"
    if not isinstance(value.value, str):
        return "none"
    name = value.value
    if loader.kind == "datasets" and name in PACKAGED_DATASETS:
        return "local"
    # An hf:// URI is judged as the string that it is.
    if name.startswith("hf://") or is_local_path(name, context.folders):
        return "local"
    return value


def _judge_arguments(
    repo: str | None, revision: Value, given: Arguments, *, uses_default: bool
) -> tuple[RuleName, str] | None:
    known = revision.value if isinstance(revision, Constant) else None
    if isinstance(revision, Constant) and not known:
        if given.has_unknown_keywords or (given.has_star and repo is None):
            message = "whether the arguments unpacked with * or ** name a commit is only known at run time"
            return "undecidable-arguments", message
        if repo is None and uses_default:
            return "unpinned", "no model is named, so the library picks its default, which can change with its version"
    return judge_revision(repo, known, is_dynamic=not isinstance(revision, Constant))


def _read_repo_type(given: Arguments) -> RepoKind | None:
    argument = given.get(None, ("repo_type",))
    value = evaluate(*argument) if argument else Constant(None)
    return _REPO_TYPES.get(value.value) if isinstance(value, Constant) else None


def _is_true(argument: Argument | None) -> bool:
    return argument is not None and evaluate(*argument) == Constant(True)
