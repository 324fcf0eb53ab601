"""The scopes of a Python module: which names they bind, and to which expressions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["CallSite", "Scope", "StringLiteral"]


@dataclass(eq=False)
class Scope:
    """The names that a module, class or function binds, each with everything that is ever assigned to it.

    A scope is filled during the one walk over the module and only read afterwards. It does not know the order of
    statements, so a name that is bound more than once has no known value.

    Attributes:
        parent: The enclosing scope; None for a module.
        is_class: Whether it is the body of a class; functions in it do not see its names.
        imports: By name: the full import paths that the name can stand for.
        bindings: By name: the expressions assigned to it; None for a binding of unknown value, such as a parameter.
        star_imports: Modules imported with ``*``.
        outer_names: Names declared ``global`` or ``nonlocal``.
    """

    parent: Scope | None
    is_class: bool = False
    imports: dict[str, set[str]] = field(default_factory=dict)
    bindings: dict[str, list[ast.expr | None]] = field(default_factory=dict)
    star_imports: set[str] = field(default_factory=set)
    outer_names: set[str] = field(default_factory=set)

    def bind(self, name: str, value: ast.expr | None = None) -> None:
        """Record a binding; None for one of unknown value."""
        self._owner(name).bindings.setdefault(name, []).append(value)

    def bind_import(self, name: str, path: str) -> None:
        """Record that a name is imported, with its full import path."""
        self._owner(name).imports.setdefault(name, set()).add(path)

    def lookup(self, name: str) -> Scope | None:
        """Return the scope that binds a name used in this one, by Python's rules; None if no scope does."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bindings or name in scope.imports:
                return scope
            scope = scope.parent
            while scope is not None and scope.is_class:
                scope = scope.parent
        return None

    def all_star_imports(self) -> Iterator[str]:
        """Return the modules imported with ``*`` into this scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield from scope.star_imports
            scope = scope.parent

    def _owner(self, name: str) -> Scope:
        scope = self
        while name in scope.outer_names and scope.parent is not None:
            scope = scope.parent
        return scope


@dataclass(frozen=True)
class CallSite:
    """A call, and the scope that it is in."""

    node: ast.Call
    scope: Scope


@dataclass(frozen=True)
class StringLiteral:
    """A string, formatted or not, and the scope that it is in."""

    node: ast.Constant | ast.JoinedStr
    scope: Scope
