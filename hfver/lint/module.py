"""One walk over a Python module: its calls, its strings, and the scopes to look names up in.

This is where the time goes, so a node costs one look into a table, and nodes that say nothing are left out.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from hfver.lint.scopes import Call, Scope, Text

__all__ = ["read_module"]

_CHANGING = frozenset({"update", "setdefault", "pop", "popitem", "clear"})
_SILENT = frozenset(
    {ast.Name, ast.alias, ast.Pass, ast.Break, ast.Continue}.union(
        *(kind.__subclasses__() for kind in (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop))
    )
)

Inside = Iterator[tuple[ast.AST, Scope]]


def read_module(tree: ast.Module) -> tuple[list[Call], list[Text]]:
    """List the calls of a module and its strings that are not documentation, with the scopes to look names up in."""
    calls: list[Call] = []
    texts: list[Text] = []
    waiting: list[tuple[ast.AST, Scope]] = [(tree, Scope(None))]
    while waiting:  # no recursion: generated code can be deep
        node, scope = waiting.pop()
        if isinstance(node, ast.Call):
            calls.append(Call(node, scope))
        elif isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            texts.append(Text(node, scope))
        if note := _NOTES.get(type(node)):
            note(node, scope)
        inside = _INSIDES.get(type(node))
        waiting.extend(reversed(list(inside(node, scope)) if inside else _children(node, scope)))
    return calls, texts


def _children(node: ast.AST, scope: Scope) -> list[tuple[ast.AST, Scope]]:
    found: list[tuple[ast.AST, Scope]] = []
    for name in node._fields:
        value = getattr(node, name, None)
        children = value if value.__class__ is list else (value,)
        found += [(child, scope) for child in children if isinstance(child, ast.AST) and not _says_nothing(child)]
    return found


def _inside_class(node: ast.ClassDef, scope: Scope) -> Inside:
    inner = Scope(scope, is_class=True)
    yield from ((child, scope) for child in (*node.decorator_list, *node.bases, *node.keywords))
    yield from ((child, inner) for child in node.body if not _is_documentation(child))


def _inside_function(node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Inside:
    inner = _with_parameters(node.args, scope)
    yield from _defaults(node.args, scope)
    yield from ((decorator, scope) for decorator in node.decorator_list)
    yield from ((child, inner) for child in node.body if not _is_documentation(child))


def _inside_lambda(node: ast.Lambda, scope: Scope) -> Inside:
    yield from _defaults(node.args, scope)
    yield node.body, _with_parameters(node.args, scope)


def _inside_formatted(node: ast.JoinedStr, scope: Scope) -> Inside:
    """Leave out a formatted string's own text: it is judged with the whole."""
    yield from ((part, scope) for part in node.values if not isinstance(part, ast.Constant))


def _with_parameters(arguments: ast.arguments, scope: Scope) -> Scope:
    inner = Scope(scope)
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    for argument in every:
        if argument is not None:
            inner.bind(argument.arg)
    return inner


def _defaults(arguments: ast.arguments, scope: Scope) -> Inside:
    yield from ((default, scope) for default in (*arguments.defaults, *arguments.kw_defaults) if default)


_INSIDES: dict[type, Callable[[Any, Scope], Inside]] = {
    ast.ClassDef: _inside_class,
    ast.FunctionDef: _inside_function,
    ast.AsyncFunctionDef: _inside_function,
    ast.Lambda: _inside_lambda,
    ast.JoinedStr: _inside_formatted,
}


def _note_call(node: ast.Call, scope: Scope) -> None:
    match node.func:
        case ast.Attribute(value=ast.Name(id=name), attr=attr) if attr in _CHANGING:
            scope.bind(name)


def _note_assignment(node: ast.Assign, scope: Scope) -> None:
    for target in node.targets:
        _note_target(target, node.value, scope)


def _note_value(node: ast.AnnAssign | ast.NamedExpr, scope: Scope) -> None:
    if node.value is not None:
        _note_target(node.target, node.value, scope)


def _note_loop(node: ast.AugAssign | ast.For | ast.AsyncFor | ast.comprehension, scope: Scope) -> None:
    _note_target(node.target, None, scope)


def _note_with(node: ast.withitem, scope: Scope) -> None:
    if node.optional_vars is not None:
        _note_target(node.optional_vars, None, scope)


def _note_deletion(node: ast.Delete, scope: Scope) -> None:
    for target in node.targets:
        _note_target(target, None, scope)


def _note_name(node: Any, scope: Scope) -> None:
    """Note what defines or captures a name by saying it: functions, classes, exceptions, patterns."""
    name = node.rest if isinstance(node, ast.MatchMapping) else node.name
    if name:
        scope.bind(name)


def _note_outward(node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
    scope.outward.update(node.names)


def _says_nothing(node: ast.AST) -> bool:
    return node.__class__ in _SILENT or _is_documentation(node)


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


_NOTES: dict[type, Callable[[Any, Scope], None]] = {
    ast.Call: _note_call,
    ast.Assign: _note_assignment,
    ast.AnnAssign: _note_value,
    ast.NamedExpr: _note_value,
    ast.AugAssign: _note_loop,
    ast.For: _note_loop,
    ast.AsyncFor: _note_loop,
    ast.comprehension: _note_loop,
    ast.withitem: _note_with,
    ast.Delete: _note_deletion,
    ast.FunctionDef: _note_name,
    ast.AsyncFunctionDef: _note_name,
    ast.ClassDef: _note_name,
    ast.ExceptHandler: _note_name,
    ast.MatchAs: _note_name,
    ast.MatchStar: _note_name,
    ast.MatchMapping: _note_name,
    ast.Global: _note_outward,
    ast.Nonlocal: _note_outward,
    ast.Import: _note_import,
    ast.ImportFrom: _note_import,
}
