"""What an expression whose value is unknown can still be known to be: a local path, or something already loaded."""

from __future__ import annotations

import ast

from hfver.lint.names import looks_like_path
from hfver.lint.python.evaluate import dereference, qualified_names
from hfver.lint.python.loaders import find_loader
from hfver.lint.python.scopes import Scope

__all__ = ["is_loaded_elsewhere", "is_path"]

_PATH_MODULES = ("pathlib.", "os.path.", "tempfile.", "os.getcwd", "posixpath.")
_CONVERSIONS = frozenset({"str", "os.fspath"})


def is_path(node: ast.expr, scope: Scope) -> bool:
    """Return whether an expression makes a path: ``Path(…)``, ``folder / "x"``, ``os.path.join(…)``, ``f"./{x}"``."""
    node, scope = dereference(node, scope)
    match node:
        case ast.BinOp(op=ast.Div()):
            return True
        case ast.BinOp(op=ast.Add(), left=left):
            return is_path(left, scope)
        case ast.Constant(value=str(text)) | ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return looks_like_path(text)
        case ast.JoinedStr(values=[ast.FormattedValue(value=first), *_]) | ast.Attribute(value=first):
            return is_path(first, scope)
        case ast.Call(func=function, args=arguments):
            names = qualified_names(function, scope)
            if names & _CONVERSIONS and arguments:
                return is_path(arguments[0], scope)
            if any(name.startswith(_PATH_MODULES) for name in names):
                return True
            return isinstance(function, ast.Attribute) and is_path(function.value, scope)
    return False


def is_loaded_elsewhere(node: ast.expr, scope: Scope) -> bool:
    """Return whether an expression is what another call loaded, so that the commit is checked at that call."""
    node, scope = dereference(node, scope)
    match node:
        case ast.Call(func=function):
            if any(find_loader(name) for name in qualified_names(function, scope)):
                return True
            return isinstance(function, ast.Attribute) and is_loaded_elsewhere(function.value, scope)
        case ast.Attribute(value=value):
            return is_loaded_elsewhere(value, scope)
    return False
