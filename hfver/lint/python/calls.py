"""One walk over a Python module that collects its calls, its strings, and the scopes to look names up in.

Most of the check's time is spent here. So each node costs one look into a table, and nodes that can neither bind a
name nor contain a call are not visited.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from hfver.lint.python.scopes import CallSite, Scope, StringLiteral

__all__ = ["collect"]

_MUTATORS = frozenset({"update", "setdefault", "pop", "popitem", "clear"})
"""Methods that change a dictionary, so that what it was assigned no longer tells its content."""

_LEAVES = frozenset(
    {ast.Name, ast.alias, ast.Pass, ast.Break, ast.Continue}.union(
        *(kind.__subclasses__() for kind in (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop))
    )
)

Children = Iterator[tuple[ast.AST, Scope]]


def collect(tree: ast.Module) -> tuple[list[CallSite], list[StringLiteral]]:
    """Return the calls of a module, and its strings other than docstrings, each with its scope."""
    calls: list[CallSite] = []
    strings: list[StringLiteral] = []
    # An explicit stack instead of recursion: generated code can be nested deeper than Python recurses.
    stack: list[tuple[ast.AST, Scope]] = [(tree, Scope(None))]
    while stack:
        node, scope = stack.pop()
        if isinstance(node, ast.Call):
            calls.append(CallSite(node, scope))
        elif isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            strings.append(StringLiteral(node, scope))
        if bind := _BINDERS.get(type(node)):
            bind(node, scope)
        children = _CHILDREN.get(type(node))
        # Reversed, so that nodes are popped in source order and ``global x`` is seen before ``x = …``.
        stack.extend(reversed(list(children(node, scope)) if children else _all_children(node, scope)))
    return calls, strings


def _all_children(node: ast.AST, scope: Scope) -> list[tuple[ast.AST, Scope]]:
    found: list[tuple[ast.AST, Scope]] = []
    for name in node._fields:
        value = getattr(node, name, None)
        children = value if value.__class__ is list else (value,)
        found += [(child, scope) for child in children if isinstance(child, ast.AST) and not _can_be_skipped(child)]
    return found


def _can_be_skipped(node: ast.AST) -> bool:
    return node.__class__ in _LEAVES or _is_docstring(node)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _children_of_class(node: ast.ClassDef, scope: Scope) -> Children:
    inner = Scope(scope, is_class=True)
    yield from ((child, scope) for child in (*node.decorator_list, *node.bases, *node.keywords))
    yield from ((child, inner) for child in node.body if not _is_docstring(child))


def _children_of_function(node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Children:
    inner = _function_scope(node.args, scope)
    yield from _defaults(node.args, scope)
    yield from ((decorator, scope) for decorator in node.decorator_list)
    yield from ((child, inner) for child in node.body if not _is_docstring(child))


def _children_of_lambda(node: ast.Lambda, scope: Scope) -> Children:
    yield from _defaults(node.args, scope)
    yield node.body, _function_scope(node.args, scope)


def _children_of_fstring(node: ast.JoinedStr, scope: Scope) -> Children:
    """Leave out the literal parts of an f-string: the whole is collected, and judged as one string."""
    yield from ((part, scope) for part in node.values if not isinstance(part, ast.Constant))


def _function_scope(arguments: ast.arguments, scope: Scope) -> Scope:
    inner = Scope(scope)
    parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    for parameter in parameters:
        if parameter is not None:
            inner.bind(parameter.arg)
    return inner


def _defaults(arguments: ast.arguments, scope: Scope) -> Children:
    yield from ((default, scope) for default in (*arguments.defaults, *arguments.kw_defaults) if default)


_CHILDREN: dict[type, Callable[[Any, Scope], Children]] = {
    ast.ClassDef: _children_of_class,
    ast.FunctionDef: _children_of_function,
    ast.AsyncFunctionDef: _children_of_function,
    ast.Lambda: _children_of_lambda,
    ast.JoinedStr: _children_of_fstring,
}
"""Nodes whose children are not all in the same scope."""


def _bind_mutation(node: ast.Call, scope: Scope) -> None:
    match node.func:
        case ast.Attribute(value=ast.Name(id=name), attr=attr) if attr in _MUTATORS:
            scope.bind(name)


def _bind_assignment(node: ast.Assign, scope: Scope) -> None:
    for target in node.targets:
        _bind_target(target, node.value, scope)


def _bind_value(node: ast.AnnAssign | ast.NamedExpr, scope: Scope) -> None:
    if node.value is not None:
        _bind_target(node.target, node.value, scope)


def _bind_loop(node: ast.AugAssign | ast.For | ast.AsyncFor | ast.comprehension, scope: Scope) -> None:
    _bind_target(node.target, None, scope)


def _bind_with(node: ast.withitem, scope: Scope) -> None:
    if node.optional_vars is not None:
        # "with TemporaryDirectory() as d" does not bind d to the call, but the call tells what d is: a path.
        value = node.context_expr if isinstance(node.context_expr, ast.Call) else None
        _bind_target(node.optional_vars, value, scope)


def _bind_deletion(node: ast.Delete, scope: Scope) -> None:
    for target in node.targets:
        _bind_target(target, None, scope)


def _bind_name(node: Any, scope: Scope) -> None:
    """Bind the name of a function, a class, a caught exception or a pattern, where it has one."""
    name = node.rest if isinstance(node, ast.MatchMapping) else node.name
    if name:
        scope.bind(name)


def _declare_global(node: ast.Global, scope: Scope) -> None:
    scope.global_names.update(node.names)


def _declare_nonlocal(node: ast.Nonlocal, scope: Scope) -> None:
    scope.nonlocal_names.update(node.names)


def _bind_import(node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            # "import a.b" binds a; "import a.b as c" binds c to a.b.
            path = alias.name if alias.asname else alias.name.partition(".")[0]
            scope.bind_import(alias.asname or path, path)
        return
    module = "." * node.level + (node.module or "")
    for alias in node.names:
        if alias.name == "*":
            scope.star_imports.add(module)
        else:
            scope.bind_import(alias.asname or alias.name, f"{module}.{alias.name}")


def _bind_target(target: ast.expr, value: ast.expr | None, scope: Scope) -> None:
    match target:
        case ast.Name(id=name):
            scope.bind(name, value)
        case ast.Subscript(value=ast.Name(id=name)):
            scope.bind(name)
        case ast.Starred(value=inner):
            _bind_target(inner, None, scope)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            for element, part in zip(elements, _unpack(elements, value), strict=True):
                _bind_target(element, part, scope)


def _unpack(targets: list[ast.expr], value: ast.expr | None) -> list[ast.expr | None]:
    """Pair the targets of ``a, b = x, y`` with their values; None for each if the right side is anything else."""
    is_plain = not any(isinstance(target, ast.Starred) for target in targets)
    if is_plain and isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(targets):
        return list(value.elts)
    return [None] * len(targets)


_BINDERS: dict[type, Callable[[Any, Scope], None]] = {
    ast.Call: _bind_mutation,
    ast.Assign: _bind_assignment,
    ast.AnnAssign: _bind_value,
    ast.NamedExpr: _bind_value,
    ast.AugAssign: _bind_loop,
    ast.For: _bind_loop,
    ast.AsyncFor: _bind_loop,
    ast.comprehension: _bind_loop,
    ast.withitem: _bind_with,
    ast.Delete: _bind_deletion,
    ast.FunctionDef: _bind_name,
    ast.AsyncFunctionDef: _bind_name,
    ast.ClassDef: _bind_name,
    ast.ExceptHandler: _bind_name,
    ast.MatchAs: _bind_name,
    ast.MatchStar: _bind_name,
    ast.MatchMapping: _bind_name,
    ast.Global: _declare_global,
    ast.Nonlocal: _declare_nonlocal,
    ast.Import: _bind_import,
    ast.ImportFrom: _bind_import,
}
