"""What the names in a Python module stand for, as far as reading alone can tell.

Python's own parser gives the tree: it is many times faster than one that keeps formatting, which only ``--fix`` needs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = [
    "UNKNOWN",
    "Call",
    "Known",
    "Scope",
    "Text",
    "Unknown",
    "Value",
    "evaluate",
    "follow",
    "qualify",
]

MAX_STEPS = 8


@dataclass(frozen=True)
class Known:
    """A value that is written in the module: a string, None, a bool or a number."""

    value: object


@dataclass(frozen=True)
class Unknown:
    """A value that only running the program would tell."""


UNKNOWN = Unknown()
Value = Known | Unknown


@dataclass(eq=False)
class Scope:
    """The names bound in a module, class or function, each with everything that it is bound to."""

    outer: Scope | None
    is_class: bool = False
    imports: dict[str, set[str]] = field(default_factory=dict)
    bound: dict[str, list[ast.expr | None]] = field(default_factory=dict)
    stars: set[str] = field(default_factory=set)
    outward: set[str] = field(default_factory=set)

    def bind(self, name: str, value: ast.expr | None = None) -> None:
        """Note a binding; None for one whose value cannot be told."""
        self._home(name).bound.setdefault(name, []).append(value)

    def bind_import(self, name: str, target: str) -> None:
        """Note that a name stands for something imported."""
        self._home(name).imports.setdefault(name, set()).add(target)

    def find(self, name: str) -> Scope | None:
        """Find the scope where a name that is used here is bound, by Python's rules."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bound or name in scope.imports:
                return scope
            scope = scope.outer
            while scope is not None and scope.is_class:
                scope = scope.outer
        return None

    def _home(self, name: str) -> Scope:
        scope = self
        while name in scope.outward and scope.outer is not None:
            scope = scope.outer
        return scope


@dataclass(frozen=True)
class Call:
    """A call, and the scope that it stands in."""

    node: ast.Call
    scope: Scope


@dataclass(frozen=True)
class Text:
    """A string, formatted or not, and the scope that it stands in."""

    node: ast.Constant | ast.JoinedStr
    scope: Scope


def qualify(node: ast.expr, scope: Scope, steps: int = MAX_STEPS) -> set[str]:
    """Name what an expression refers to, by its full import path; ``?`` stands for what cannot be told."""
    if isinstance(node, ast.Attribute):
        return {f"{prefix}.{node.attr}" for prefix in qualify(node.value, scope, steps)}
    if not isinstance(node, ast.Name) or not steps:
        return {"?"}
    home = scope.find(node.id)
    if home is None:
        return {node.id, *(f"{module}.{node.id}" for module in _stars(scope))}
    bound, imported = home.bound.get(node.id, []), home.imports.get(node.id, set())
    if imported:
        return set(imported)
    if len(bound) == 1 and isinstance(bound[0], ast.Name | ast.Attribute):
        return qualify(bound[0], home, steps - 1)
    return {"?"}


def follow(node: ast.expr, scope: Scope) -> tuple[ast.expr, Scope]:
    """Follow a name to the expression that it is bound to, while it is bound exactly once."""
    for _ in range(MAX_STEPS):
        if not isinstance(node, ast.Name):
            break
        home = scope.find(node.id)
        bound = home.bound.get(node.id, []) if home else []
        if home is None or home.imports.get(node.id) or len(bound) != 1 or bound[0] is None:
            break
        node, scope = bound[0], home
    return node, scope


def evaluate(node: ast.expr, scope: Scope, steps: int = MAX_STEPS) -> Value:
    """Tell an expression's value: literals, names assigned once, and strings put together from them."""
    node, scope = follow(node, scope)
    if isinstance(node, ast.Constant):
        return Known(node.value)
    if not steps:
        return UNKNOWN
    parts: list[ast.expr] = []
    if isinstance(node, ast.JoinedStr):
        parts = list(node.values)
    elif isinstance(node, ast.FormattedValue) and node.conversion == -1 and node.format_spec is None:
        parts = [node.value]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [node.left, node.right]
    texts = [evaluate(part, scope, steps - 1) for part in parts]
    known = [text.value for text in texts if isinstance(text, Known) and isinstance(text.value, str)]
    return Known("".join(known)) if parts and len(known) == len(parts) else UNKNOWN


def _stars(scope: Scope | None) -> Iterator[str]:
    while scope is not None:
        yield from scope.stars
        scope = scope.outer
