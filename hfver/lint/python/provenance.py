"""What an expression whose value is unknown can still be known to be: a local path, or something already loaded."""

from __future__ import annotations

import ast
import re

from hfver.lint.names import looks_like_path
from hfver.lint.python.evaluate import dereference, qualified_names
from hfver.lint.python.loaders import find_loader
from hfver.lint.python.scopes import Scope

__all__ = ["is_loaded_elsewhere", "is_path"]

MAX_DEPTH = 50
"""How far an expression is followed inward. Ends at names that refer to themselves, as in ``x = x.strip()``."""

_PATH_MODULES = ("pathlib.", "os.path.", "tempfile.", "os.getcwd", "posixpath.")
_CONVERSIONS = frozenset({"str", "os.fspath"})
_NAME_ATTRIBUTE = re.compile(r"(?:\w*_)?(?:name_or_path|name|id|repo)")
"""Attributes of a loaded object that name another repo: an adapter's ``config.base_model_name_or_path``."""


def is_path(node: ast.expr, scope: Scope, depth: int = MAX_DEPTH) -> bool:
    """Return whether an expression makes a path: ``Path(…)``, ``folder / "x"``, ``os.path.join(…)``, ``f"./{x}"``."""
    if not depth:
        return False
    node, scope = dereference(node, scope)
    match node:
        case ast.BinOp(op=ast.Div()):
            return True
        case ast.BinOp(op=ast.Add(), left=left):
            return is_path(left, scope, depth - 1)
        case ast.Constant(value=str(text)) | ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return looks_like_path(text)
        case ast.JoinedStr(values=[ast.FormattedValue(value=first), *_]) | ast.Attribute(value=first):
            return is_path(first, scope, depth - 1)
        case ast.Call(func=function, args=arguments):
            names = qualified_names(function, scope)
            if names & _CONVERSIONS and arguments:
                return is_path(arguments[0], scope, depth - 1)
            if any(name.startswith(_PATH_MODULES) for name in names):
                return True
            return _is_method_of_path(function, scope, depth - 1)
    return False


def _is_method_of_path(function: ast.expr, scope: Scope, depth: int) -> bool:
    match function:
        case ast.Attribute(value=ast.Constant(), attr="join"):
            return False  # "/".join(…) makes a repo's name as often as a path
        case ast.Attribute(attr="open" | "read_text"):
            return False  # what is in the file
        case ast.Attribute(value=value):
            return is_path(value, scope, depth)
    return False


def is_loaded_elsewhere(node: ast.expr, scope: Scope, depth: int = MAX_DEPTH) -> bool:
    """Return whether an expression is what another call loaded, so that the commit is checked at that call."""
    if not depth:
        return False
    node, scope = dereference(node, scope)
    match node:
        case ast.Call(func=function):
            if any(find_loader(name) for name in qualified_names(function, scope)):
                return True
            return isinstance(function, ast.Attribute) and is_loaded_elsewhere(function.value, scope, depth - 1)
        case ast.Attribute(value=value, attr=attr):
            return not _NAME_ATTRIBUTE.fullmatch(attr) and is_loaded_elsewhere(value, scope, depth - 1)
    return False
