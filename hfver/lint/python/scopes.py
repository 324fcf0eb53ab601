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
        global_names: Names declared ``global``.
        nonlocal_names: Names declared ``nonlocal``.
    """

    parent: Scope | None
    is_class: bool = False
    imports: dict[str, set[str]] = field(default_factory=dict)
    bindings: dict[str, list[ast.expr | None]] = field(default_factory=dict)
    star_imports: set[str] = field(default_factory=set)
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)

    def bind(self, name: str, value: ast.expr | None = None) -> None:
        """Record a binding; None for one of unknown value. The same expression assigned again adds nothing."""
        for owner in self._owners(name):
            known = owner.bindings.setdefault(name, [])
            if len(known) != 1 or not _are_equal(known[0], value):
                known.append(value)

    def bind_import(self, name: str, path: str) -> None:
        """Record that a name is imported, with its full import path."""
        for owner in self._owners(name):
            owner.imports.setdefault(name, set()).add(path)

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
        for scope in (self, *self._outer_scopes()):
            yield from scope.star_imports

    def _owners(self, name: str) -> list[Scope]:
        """Return the scopes that a binding of a name in this one belongs to."""
        if name not in self.global_names and name not in self.nonlocal_names:
            return [self]
        outer = list(self._outer_scopes())
        if name in self.global_names:
            return outer[-1:] or [self]
        # Which function around it binds a nonlocal name may only be known at a later line. Binding it in all of them
        # is safe: at worst, a name counts as bound twice and so has no known value.
        return [scope for scope in outer[:-1] if not scope.is_class] or [self]

    def _outer_scopes(self) -> Iterator[Scope]:
        scope = self.parent
        while scope is not None:
            yield scope
            scope = scope.parent


def _are_equal(first: ast.expr | None, second: ast.expr | None) -> bool:
    return first is not None and second is not None and ast.dump(first) == ast.dump(second)


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
