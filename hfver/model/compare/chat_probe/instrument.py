"""Probes in a syntax tree: calls that note which places were reached, and which way conditions went."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import nodes

from .trees import Plan

__all__ = ["Instrument", "spread_names"]

NewUnit = Callable[[set[bool], str], int]
"""Registers something that is to be reached, by the truth values to be seen and by what to show of it."""


def spread_names(tree: Any, plan: Plan) -> None:
    """Mark what uses a name whose value changed: the change shows there, perhaps in a branch that did not change."""
    grew = True
    names: set[str] = set()
    while grew:
        changed = [node for node in tree.find_all(nodes.Stmt) if _is_changed(node, plan)]
        # What is assigned under a condition that changed is assigned in other cases than before.
        inner = [item for node in changed for item in (node, *node.find_all(nodes.Stmt))]
        found = {name for node in inner for name in _assigned(node)}
        grew = not found <= names
        names |= found
        for node in tree.find_all(nodes.Stmt) if grew else ():
            for expression in _own_expressions(node):
                _mark_uses(expression, names, node, plan)


def _is_changed(node: Any, plan: Plan) -> bool:
    if id(node) in plan.statements:
        return True
    inner = [item for expression in _own_expressions(node) for item in (expression, *expression.find_all(nodes.Expr))]
    return any(id(item) in plan.expressions for item in inner)


def _own_expressions(node: Any) -> list[Any]:
    return [item for item in node.iter_child_nodes() if isinstance(item, nodes.Expr)]


def _assigned(node: Any) -> Iterator[str]:
    """Yield the names that a statement gives a value to."""
    if isinstance(node, nodes.Macro):
        yield node.name
    if isinstance(node, nodes.Assign | nodes.AssignBlock | nodes.For):
        for kind in (nodes.Name, nodes.NSRef):
            for item in (node.target, *node.target.find_all(kind)):
                if isinstance(item, kind):
                    yield item.name


def _mark_uses(expression: Any, names: set[str], statement: Any, plan: Plan) -> None:
    if isinstance(expression, nodes.And | nodes.Or | nodes.Not | nodes.CondExpr):
        for inner in expression.iter_child_nodes():
            _mark_uses(inner, names, statement, plan)
        return
    held = (expression, *expression.find_all(nodes.Name))
    if any(isinstance(item, nodes.Name) and item.ctx == "load" and item.name in names for item in held):
        plan.expressions.add(id(expression))
        if isinstance(statement, nodes.If):
            # What depends on the name is where its value shows.
            plan.statements.update(map(id, (*statement.body, *statement.elif_, *statement.else_)))
        if not isinstance(statement, nodes.If | nodes.For | nodes.Macro):
            plan.statements.add(id(statement))


class Instrument:
    """Puts probes into a tree: calls that note that a place was reached, and which way a condition went."""

    def __init__(self, unit: NewUnit, plan: Plan) -> None:
        self.unit = unit
        self.plan = plan

    def body(self, body: list[Any]) -> None:
        """Put probes into a list of statements."""
        found: list[Any] = []
        for node in body:
            if id(node) in self.plan.statements:
                found.append(self._reached(node))
            self.statement(node)
            found.append(node)
        body[:] = found

    def statement(self, node: Any) -> None:
        """Put probes into a statement."""
        if isinstance(node, nodes.If):
            node.test = self.expression(node.test, condition=True)
            self.body(node.body)
            for inner in node.elif_:
                self.statement(inner)
            self.body(node.else_)
            return
        for name, value in list(node.iter_fields()):
            if isinstance(value, list) and value and isinstance(value[0], nodes.Stmt):
                self.body(value)
            elif isinstance(value, list) and value and isinstance(value[0], nodes.Expr) and name == "nodes":
                setattr(node, name, [self.expression(item) for item in value])
            elif isinstance(value, nodes.Expr) and name in ("iter", "node", "test"):
                condition = name == "test"
                keep = isinstance(node, nodes.CallBlock | nodes.FilterBlock)
                setattr(node, name, value if keep else self.expression(value, condition=condition))

    def expression(self, node: Any, *, condition: bool = False) -> Any:
        """Put probes around the conditions in an expression that changed, and around the expression itself."""
        changed = id(node) in self.plan.expressions
        match node:
            case nodes.And() | nodes.Or():
                self._spread(node, changed)
                node.left = self.expression(node.left, condition=True)
                node.right = self.expression(node.right, condition=condition)
                return node
            case nodes.Not():
                self._spread(node, changed)
                node.node = self.expression(node.node, condition=True)
                return node
            case nodes.CondExpr():
                self._spread(node, changed)
                node.test = self.expression(node.test, condition=True)
                node.expr1 = self.expression(node.expr1)
                node.expr2 = self.expression(node.expr2) if node.expr2 is not None else None
                return node
            case nodes.Const() | nodes.TemplateData():
                return node
        inner = [item for item in node.iter_child_nodes() if isinstance(item, nodes.Expr)]
        if any(isinstance(item, nodes.CondExpr | nodes.And | nodes.Or) for item in inner):
            for name, value in list(node.iter_fields()):
                if isinstance(value, nodes.Expr) and name in ("left", "right", "node", "arg"):
                    self._spread_one(value, changed)
                    setattr(node, name, self.expression(value))
                elif isinstance(value, list) and name == "nodes":
                    self._spread(node, changed)
                    setattr(node, name, [self.expression(item) for item in value])
        if not changed:
            return node
        if condition:
            # What is asked of special tokens alone has one answer for each side.
            asked = {
                item.name for kind in (nodes.Name,) for item in (node, *node.find_all(kind)) if hasattr(item, "name")
            }
            fixed = bool(asked) and all(name.endswith("_token") for name in asked if isinstance(name, str))
            return self._probe_reached(node) if fixed else self._probe(node, {True, False}, _source(node))
        return self._probe_reached(node)

    def _spread(self, node: Any, changed: bool) -> None:
        for inner in node.iter_child_nodes():
            self._spread_one(inner, changed)

    def _spread_one(self, node: Any, changed: bool) -> None:
        if changed:
            self.plan.expressions.add(id(node))

    def _probe(self, node: Any, wanted: set[bool], shown: str) -> Any:
        number = self.unit(wanted, shown)
        return nodes.Call(nodes.Name("__seen", "load"), [nodes.Const(number), node], [], None, None)

    def _probe_reached(self, node: Any) -> Any:
        # What it is does not matter, only that it was computed: a second probe notes that.
        number = self.unit({True}, _source(node))
        noted = nodes.Call(nodes.Name("__seen", "load"), [nodes.Const(number), nodes.Const(True)], [], None, None)
        return nodes.CondExpr(noted, node, nodes.Const(""))

    def _reached(self, node: Any) -> Any:
        probe = self._probe(nodes.Const(""), {False}, _source(node))
        return nodes.Output([probe])


def _source(node: Any) -> str:
    """Describe a node by its line and what it names."""
    names = []
    for kind, key in ((nodes.Const, "value"), (nodes.Name, "name"), (nodes.Getattr, "attr")):
        held = [node] if isinstance(node, kind) else []
        names += [str(getattr(item, key)) for item in (*held, *node.find_all(kind))]
    words = list(dict.fromkeys(word.strip() for word in names if word.strip()))
    return f"line {node.lineno}: {type(node).__name__.lower()} with {', '.join(words[:4]) or 'text'}"[:160]
