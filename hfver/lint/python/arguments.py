"""The arguments of a call, with as much of ``*`` and ``**`` as the source shows."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hfver.lint.python.evaluate import Constant, dereference, evaluate
from hfver.lint.python.scopes import Scope

__all__ = ["Argument", "Arguments", "read_arguments"]


class Argument(NamedTuple):
    """The expression of an argument, and the scope to evaluate it in: an unpacked dictionary can be from another."""

    node: ast.expr
    scope: Scope


@dataclass(frozen=True)
class Arguments:
    """The arguments of a call.

    Attributes:
        positional: Positional arguments before the first ``*``.
        keywords: Keyword arguments, including those of unpacked dictionaries that are written out in the source.
        unpacked: Names of the keywords that come from such a dictionary, so that the call itself does not show them.
        has_unknown_keywords: Whether a ``**`` unpacks something that is only known at run time.
        has_star: Whether there is a ``*``; what it unpacks is never read.
    """

    positional: tuple[Argument, ...]
    keywords: Mapping[str, Argument]
    unpacked: frozenset[str]
    has_unknown_keywords: bool
    has_star: bool

    def get(self, position: int | None, names: tuple[str, ...]) -> Argument | None:
        """Return an argument by the first of its keywords that is given, otherwise by its position."""
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        if position is not None and position < len(self.positional):
            return self.positional[position]
        return None


def read_arguments(arguments: list[ast.expr], keywords: list[ast.keyword], scope: Scope) -> Arguments:
    """Read the arguments of a call."""
    positional: list[Argument] = []
    for argument in arguments:
        if isinstance(argument, ast.Starred):
            break
        positional.append(Argument(argument, scope))
    named: dict[str, Argument] = {}
    unpacked: set[str] = set()
    has_unknown_keywords = False
    for keyword in keywords:
        if keyword.arg is not None:
            named[keyword.arg] = Argument(keyword.value, scope)
        elif (entries := _read_dictionary(keyword.value, scope)) is not None:
            named.update(entries)
            unpacked.update(entries)
        else:
            has_unknown_keywords = True
    has_star = len(positional) < len(arguments)
    return Arguments(tuple(positional), named, frozenset(unpacked), has_unknown_keywords, has_star)


def _read_dictionary(node: ast.expr, scope: Scope) -> dict[str, Argument] | None:
    """Read ``{"revision": …}`` or ``dict(revision=…)``; None unless every key is known."""
    node, scope = dereference(node, scope)
    match node:
        case ast.Dict(keys=keys, values=values):
            names = [evaluate(key, scope) if key else None for key in keys]
            entries = {
                name.value: Argument(value, scope)
                for name, value in zip(names, values, strict=True)
                if isinstance(name, Constant) and isinstance(name.value, str)
            }
            return entries if len(entries) == len(keys) else None
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords) if scope.lookup("dict") is None:
            named = {item.arg: Argument(item.value, scope) for item in keywords if item.arg is not None}
            return named if len(named) == len(keywords) else None
    return None
