"""The arguments of a call, with what is known of ``*`` and ``**``."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from hfver.lint.scopes import Known, Scope, evaluate, follow

__all__ = ["Arguments", "read_arguments"]


@dataclass(frozen=True)
class Arguments:
    """What a call is given.

    Attributes:
        positional: Positional arguments up to the first ``*``.
        keywords: Keyword arguments, those of dictionaries that are written out included.
        spread: Keywords that came out of such a dictionary, so that the call itself does not name them.
        is_open: Whether a ``**`` holds what only running the program would tell.
        has_star: Whether a ``*`` does.
    """

    positional: tuple[ast.expr, ...]
    keywords: Mapping[str, ast.expr]
    spread: frozenset[str]
    is_open: bool
    has_star: bool

    def get(self, position: int | None, names: tuple[str, ...]) -> ast.expr | None:
        """Find an argument by its keyword or its position."""
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        if position is not None and position < len(self.positional):
            return self.positional[position]
        return None


def read_arguments(arguments: list[ast.expr], keywords: list[ast.keyword], scope: Scope) -> Arguments:
    """Read the arguments of a call."""
    positional: list[ast.expr] = []
    for argument in arguments:
        if isinstance(argument, ast.Starred):
            break
        positional.append(argument)
    has_star = len(positional) < len(arguments)
    named: dict[str, ast.expr] = {}
    spread: set[str] = set()
    is_open = False
    for keyword in keywords:
        if keyword.arg is not None:
            named[keyword.arg] = keyword.value
            continue
        written = _written_out(keyword.value, scope)
        if written is None:
            is_open = True
            continue
        named.update(written)
        spread.update(written)
    return Arguments(tuple(positional), named, frozenset(spread), is_open, has_star)


def _written_out(node: ast.expr, scope: Scope) -> dict[str, ast.expr] | None:
    """Read ``{"revision": …}`` or ``dict(revision=…)``; None if its keys cannot all be told."""
    node, scope = follow(node, scope)
    match node:
        case ast.Dict(keys=keys, values=values):
            names = [evaluate(key, scope) if key else None for key in keys]
            found = {one.value: value for one, value in zip(names, values, strict=True) if isinstance(one, Known)}
            written = {name: value for name, value in found.items() if isinstance(name, str)}
            return written if len(written) == len(keys) else None
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords) if scope.find("dict") is None:
            named = {keyword.arg: keyword.value for keyword in keywords if keyword.arg is not None}
            return named if len(named) == len(keywords) else None
    return None
