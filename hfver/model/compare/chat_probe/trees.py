"""Syntax trees of chat templates: when two mean the same, and what differs if they do not."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from jinja2 import nodes

__all__ = ["OWN", "Plan", "canonical_body", "diff_bodies"]

# Attributes that a template finds on JSON's own values, so that ``x.items`` and ``x["items"]`` differ.
OWN = {name for kind in (dict, str, list, int, float, bool) for name in dir(kind)}


class Plan:
    """Which nodes of a tree changed: statements, and expressions."""

    def __init__(self) -> None:
        self.statements: set[int] = set()
        self.expressions: set[int] = set()


def canonical_body(body: list[Any]) -> tuple[Any, ...]:
    """Return statements in a form in which equal meaning is equal value."""
    found: list[Any] = []
    for node in body:
        for item in _canonical_statement(node):
            if item[0] == "Output" and found and found[-1][0] == "Output":
                found[-1] = ("Output", _merged((*found[-1][1], *item[1])))
            elif item != ("Output", ()):
                found.append(item)
    return tuple(found)


def _canonical_statement(node: Any) -> tuple[Any, ...]:
    if isinstance(node, nodes.Output):
        return (("Output", _merged(tuple(part for item in node.nodes for part in _parts(item)))),)
    if isinstance(node, nodes.If):
        if isinstance(node.test, nodes.Const):
            return canonical_body(node.body if node.test.value else _else(node))
        return (("If", canonical(node.test), canonical_body(node.body), canonical_body(_else(node))),)
    fields = []
    for name, value in node.iter_fields(exclude=("ctx",)):
        statements = isinstance(value, list) and value and isinstance(value[0], nodes.Stmt)
        fields.append((name, canonical_body(value) if statements else canonical(value)))
    return ((type(node).__name__, *fields),)


def _else(node: Any) -> list[Any]:
    """Return the else of an if; what is written as elif is an if in there."""
    if not node.elif_:
        return list(node.else_)
    first, *rest = node.elif_
    return [nodes.If(first.test, first.body, rest, node.else_, lineno=first.lineno)]


def _parts(node: Any) -> Iterator[Any]:
    if isinstance(node, nodes.TemplateData):
        yield node.data
    elif isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, nodes.Concat):
        # ``a ~ b`` writes both as ``{{ a }}{{ b }}`` does.
        for inner in node.nodes:
            yield from _parts(inner)
    else:
        yield canonical(node)


def _merged(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    found: list[Any] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part != "":
            found.append(part)
    return tuple(found)


def canonical(value: Any) -> Any:
    """Return an expression in a form in which equal meaning is equal value."""
    match value:
        case nodes.Getattr() if value.attr not in OWN:
            return ("Getitem", canonical(value.node), ("Const", "str", value.attr))
        case nodes.Getitem(arg=nodes.Const()):
            return ("Getitem", canonical(value.node), canonical(value.arg))
        case nodes.Const():
            return ("Const", type(value.value).__name__, value.value)
        case nodes.Add(left=nodes.Const(value=str(one)), right=nodes.Const(value=str(other))):
            return ("Const", "str", one + other)
        case nodes.Node():
            fields = value.iter_fields(exclude=("ctx",))
            return (type(value).__name__, *((name, canonical(held)) for name, held in fields))
        case list() | tuple():
            return tuple(canonical(item) for item in value)
    return value if value is None or isinstance(value, str | int | float | bool) else repr(value)


def diff_bodies(one: list[Any], other: list[Any], old: Plan, new: Plan) -> None:
    """Mark the statements of two bodies that have no equal on the other side."""
    left, right = ([repr(canonical_body([node])) for node in body] for body in (one, other))
    for kind, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        pairs = list(zip(one[a:b], other[c:d], strict=False))
        for before, after in pairs:
            _diff_statements(before, after, old, new)
        for node in one[a + len(pairs) : b]:
            _mark(node, old)
        for node in other[c + len(pairs) : d]:
            _mark(node, new)


def _diff_statements(before: Any, after: Any, old: Plan, new: Plan) -> None:
    if type(before) is not type(after):
        _mark(before, old)
        _mark(after, new)
        return
    if isinstance(before, nodes.If):
        _diff_expressions(before.test, after.test, old, new)
        diff_bodies(before.body, after.body, old, new)
        if before.elif_ and after.elif_ and len(before.elif_) == len(after.elif_):
            for one, other in zip(before.elif_, after.elif_, strict=True):
                _diff_statements(one, other, old, new)
            diff_bodies(before.else_, after.else_, old, new)
        elif canonical_body(_else(before)) != canonical_body(_else(after)):
            for node in (*before.elif_, *before.else_):
                _mark(node, old)
            for node in (*after.elif_, *after.else_):
                _mark(node, new)
        return
    if isinstance(before, nodes.For) and canonical(before.target) == canonical(after.target):
        _diff_expressions(before.iter, after.iter, old, new)
        diff_bodies(before.body, after.body, old, new)
        diff_bodies(before.else_, after.else_, old, new)
        if canonical(before.test) == canonical(after.test):
            return
    if isinstance(before, nodes.Output):
        _diff_outputs(before, after, old, new)
        return
    _mark(before, old)
    _mark(after, new)


def _diff_outputs(before: Any, after: Any, old: Plan, new: Plan) -> None:
    old.statements.add(id(before))
    new.statements.add(id(after))
    left, right = ([repr(canonical(node)) for node in output.nodes] for output in (before, after))
    for kind, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        pairs = list(zip(before.nodes[a:b], after.nodes[c:d], strict=False))
        for one, other in pairs:
            _diff_expressions(one, other, old, new)
        old.expressions.update(map(id, before.nodes[a + len(pairs) : b]))
        new.expressions.update(map(id, after.nodes[c + len(pairs) : d]))


def _diff_expressions(before: Any, after: Any, old: Plan, new: Plan) -> None:
    """Mark the smallest expressions that differ."""
    if canonical(before) == canonical(after):
        return
    if type(before) is type(after) and isinstance(before, nodes.And | nodes.Or | nodes.CondExpr | nodes.Not):
        for (_, one), (_, other) in zip(before.iter_fields(), after.iter_fields(), strict=True):
            if isinstance(one, nodes.Node) and isinstance(other, nodes.Node):
                _diff_expressions(one, other, old, new)
            elif one is not other:
                old.expressions.add(id(before))
                new.expressions.add(id(after))
        return
    old.expressions.add(id(before))
    new.expressions.add(id(after))


def _mark(node: Any, plan: Plan) -> None:
    """Mark a statement with everything in it."""
    plan.statements.add(id(node))
    for inner in node.find_all(nodes.Stmt):
        plan.statements.add(id(inner))
    for inner in node.find_all(nodes.Expr):
        plan.expressions.add(id(inner))
