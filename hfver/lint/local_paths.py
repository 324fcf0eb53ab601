"""Whether a name in a program means a folder on this machine rather than a repo on a Hub."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from hfver.lint.hf_uris import looks_like_repo
from hfver.lint.loaders import find_target
from hfver.lint.scopes import Scope, follow, qualify

__all__ = ["is_checked_elsewhere", "is_local", "is_path"]

_LOCAL = re.compile(r"\.{1,2}(?:$|[/\\])|[/~\\]|[A-Za-z]:[/\\]|file:")
_PATH_MAKERS = ("pathlib.", "os.path.", "tempfile.", "os.getcwd", "posixpath.")
_TEXT_MAKERS = frozenset({"str", "os.fspath"})


def is_local(name: str, folders: tuple[Path, ...]) -> bool:
    """Tell whether a name is a path: it is written like one, cannot be a repo's, or is there on this machine."""
    if name.startswith("hf://"):
        return False  # found as a string
    if not name or _LOCAL.match(name) or not looks_like_repo(name):
        return True
    return any((folder / name).exists() for folder in folders)


def is_path(node: ast.expr, scope: Scope) -> bool:
    """Tell whether an expression makes a path: ``Path(…)``, ``folder / "x"``, ``os.path.join(…)``, ``f"./{x}"``."""
    node, scope = follow(node, scope)
    match node:
        case ast.BinOp(op=ast.Div()):
            return True
        case ast.BinOp(op=ast.Add(), left=left):
            return is_path(left, scope)
        case ast.Constant(value=str(text)) | ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return _LOCAL.match(text) is not None
        case ast.JoinedStr(values=[ast.FormattedValue(value=first), *_]) | ast.Attribute(value=first):
            return is_path(first, scope)
        case ast.Call(func=function, args=arguments):
            names = qualify(function, scope)
            if names & _TEXT_MAKERS and arguments:
                return is_path(arguments[0], scope)
            made = any(name.startswith(_PATH_MAKERS) for name in names)
            return made or (isinstance(function, ast.Attribute) and is_path(function.value, scope))
    return False


def is_checked_elsewhere(node: ast.expr, scope: Scope) -> bool:
    """Tell whether an expression is what another call loaded or built, so that it is checked where that stands."""
    node, scope = follow(node, scope)
    match node:
        case ast.Call(func=function):
            names = qualify(function, scope)
            if any(find_target(name) for name in names):
                return True
            return isinstance(function, ast.Attribute) and is_checked_elsewhere(function.value, scope)
        case ast.Attribute(value=value):
            return is_checked_elsewhere(value, scope)
    return False
