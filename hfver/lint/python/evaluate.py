"""Evaluate expressions without running them: which function a name refers to, which string an expression gives."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from hfver.lint.python.scopes import Scope

__all__ = ["UNKNOWN", "Constant", "Unknown", "Value", "dereference", "evaluate", "qualified_names"]

MAX_STEPS = 8
"""How many names are followed from one to the next. Ends at names that refer to themselves, as in ``x = x.strip()``."""


@dataclass(frozen=True)
class Constant:
    """A value that is written out in the module: a string, None, a bool or a number."""

    value: object


@dataclass(frozen=True)
class Unknown:
    """A value that is only known at run time."""


UNKNOWN = Unknown()
Value = Constant | Unknown


def qualified_names(node: ast.expr, scope: Scope, steps: int = MAX_STEPS) -> set[str]:
    """Return the full import paths that an expression can refer to; ``?`` stands for an unknown part."""
    attributes = ""
    while isinstance(node, ast.Attribute):
        attributes = f".{node.attr}{attributes}"
        node = node.value
    return {f"{name}{attributes}" for name in _qualified_roots(node, scope, steps)}


def _qualified_roots(node: ast.expr, scope: Scope, steps: int) -> set[str]:
    if not isinstance(node, ast.Name) or not steps:
        return {"?"}
    owner = scope.lookup(node.id)
    if owner is None:
        return {node.id, *(f"{module}.{node.id}" for module in scope.all_star_imports())}
    # An import wins over other bindings of the name: they are usually the fallback of a guarded import.
    if imported := owner.imports.get(node.id):
        return set(imported)
    assigned = owner.bindings.get(node.id, [])
    if len(assigned) == 1 and isinstance(assigned[0], ast.Name | ast.Attribute):
        return qualified_names(assigned[0], owner, steps - 1)
    return {"?"}


def dereference(node: ast.expr, scope: Scope) -> tuple[ast.expr, Scope]:
    """Follow a name to the expression that it is bound to, as long as it is bound exactly once.

    Returns:
        The expression and the scope to evaluate it in; both unchanged if there is nothing to follow.
    """
    for _ in range(MAX_STEPS):
        if not isinstance(node, ast.Name):
            break
        owner = scope.lookup(node.id)
        assigned = owner.bindings.get(node.id, []) if owner else []
        if owner is None or owner.imports.get(node.id) or len(assigned) != 1 or assigned[0] is None:
            break
        node, scope = assigned[0], owner
    return node, scope


def evaluate(node: ast.expr, scope: Scope, steps: int = MAX_STEPS) -> Value:
    """Evaluate literals, names assigned once, and strings joined from both with ``+`` or in an f-string."""
    node, scope = dereference(node, scope)
    if isinstance(node, ast.Constant):
        return Constant(node.value)
    if not steps:
        return UNKNOWN
    parts: list[ast.expr] = []
    if isinstance(node, ast.JoinedStr):
        parts = list(node.values)
    elif isinstance(node, ast.FormattedValue) and node.conversion == -1 and node.format_spec is None:
        parts = [node.value]
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [node.left, node.right]
    values = [evaluate(part, scope, steps - 1) for part in parts]
    texts = [value.value for value in values if isinstance(value, Constant) and isinstance(value.value, str)]
    return Constant("".join(texts)) if parts and len(texts) == len(parts) else UNKNOWN
