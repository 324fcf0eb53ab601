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
    "read_module",
]

MAX_STEPS = 8
CHANGING = frozenset({"update", "setdefault", "pop", "popitem", "clear"})

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


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


def read_module(tree: ast.Module) -> tuple[list[Call], list[Text]]:
    """List the calls of a module and its strings that are not documentation, with the scopes to look names up in."""
    reader = _Reader()
    reader.read(tree, Scope(None))
    return reader.calls, reader.texts


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


class _Reader:
    """Walks a module once, and fills its scopes."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.texts: list[Text] = []

    def read(self, node: ast.AST, scope: Scope) -> None:
        """Read a node and what is below it; deep trees are walked without recursion."""
        waiting = [(node, scope)]
        while waiting:
            node, scope = waiting.pop()
            waiting.extend(reversed(list(self._open(node, scope))))

    def _open(self, node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
        if isinstance(node, FunctionNode):
            yield from self._function(node, scope)
            return
        if isinstance(node, ast.ClassDef):
            scope.bind(node.name)
            inner = Scope(scope, is_class=True)
            yield from ((child, scope) for child in (*node.decorator_list, *node.bases, *node.keywords))
            yield from ((child, inner) for child in node.body if not _is_documentation(child))
            return
        self._note(node, scope)
        if isinstance(node, ast.JoinedStr):  # its parts are no strings of their own
            yield from ((part, scope) for part in node.values if not isinstance(part, ast.Constant))
            return
        for child in ast.iter_child_nodes(node):
            if not _is_documentation(child):
                yield child, scope

    def _function(self, node: FunctionNode, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
        inner = Scope(scope)
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for argument in every:
            if argument is not None:
                inner.bind(argument.arg)
        yield from ((default, scope) for default in (*arguments.defaults, *arguments.kw_defaults) if default)
        if isinstance(node, ast.Lambda):
            yield node.body, inner
            return
        scope.bind(node.name)
        yield from ((decorator, scope) for decorator in node.decorator_list)
        yield from ((child, inner) for child in node.body if not _is_documentation(child))

    def _note(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.Call():
                self.calls.append(Call(node, scope))
                match node.func:
                    case ast.Attribute(value=ast.Name(id=name), attr=attr) if attr in CHANGING:
                        scope.bind(name)
            case ast.Constant(value=str()) | ast.JoinedStr():
                self.texts.append(Text(node, scope))
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                scope.outward.update(names)
            case ast.Import() | ast.ImportFrom():
                _note_import(node, scope)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    _note_target(target, value, scope)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                _note_target(target, value, scope)
            case ast.NamedExpr(target=target, value=value):
                _note_target(target, value, scope)
            case ast.AugAssign(target=target) | ast.For(target=target) | ast.AsyncFor(target=target):
                _note_target(target, None, scope)
            case ast.comprehension(target=target):
                _note_target(target, None, scope)
            case ast.withitem(optional_vars=ast.expr() as target):
                _note_target(target, None, scope)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                scope.bind(name)
            case ast.MatchMapping(rest=str(name)):
                scope.bind(name)
            case ast.Delete(targets=targets):
                for target in targets:
                    _note_target(target, None, scope)


def _is_documentation(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _note_import(node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            whole = alias.name if alias.asname else alias.name.partition(".")[0]
            scope.bind_import(alias.asname or whole, whole)
        return
    module = "." * node.level + (node.module or "")
    for alias in node.names:
        if alias.name == "*":
            scope.stars.add(module)
        else:
            scope.bind_import(alias.asname or alias.name, f"{module}.{alias.name}")


def _note_target(target: ast.expr, value: ast.expr | None, scope: Scope) -> None:
    match target:
        case ast.Name(id=name):
            scope.bind(name, value)
        case ast.Subscript(value=ast.Name(id=name)):
            scope.bind(name)
        case ast.Starred(value=inner):
            _note_target(inner, None, scope)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            values = _pair(elements, value)
            for element, part in zip(elements, values, strict=True):
                _note_target(element, part, scope)


def _pair(targets: list[ast.expr], value: ast.expr | None) -> list[ast.expr | None]:
    """Pair the targets of ``a, b = x, y`` with their values, where that is what it is."""
    plain = not any(isinstance(one, ast.Starred) for one in targets)
    if plain and isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(targets):
        return list(value.elts)
    return [None] * len(targets)
