"""Read modeling code as a syntax tree: which names are read where they can affect what a model in eval mode computes.

A read is harmless if every path that its value can take ends where eval mode ignores it: under ``self.training``, with
a loss, in the initialization of parameters that a checkpoint replaces, in dropout, or in a message. Values are
followed through expressions, local variables, attributes and the functions and classes of the same file. Whatever the
reader does not understand counts as a read that matters.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

__all__ = ["SourceReader", "read_source"]

_LIBRARIES = {"nn", "torch", "F", "np", "math", "init", "functional", "numpy", "transformers"}
_DROPOUT_MODULES = {"Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"}
_NO_OP = re.compile(r"Identity|Dropout|Dropout[123]d|\w*DropPath|\w*StochasticDepth|\w*StableDropout")
_DROPOUT_FUNCTIONS = {
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "alpha_dropout",
    "drop_path",
    "stochastic_depth",
}
# The value of these calls is all that they do with an argument.
_PURE = {
    *("float", "int", "str", "bool", "max", "min", "abs", "round", "list", "tuple", "isinstance", "type", "sum"),
    *("linspace", "tensor", "sqrt", "log", "exp", "pow", "zip", "enumerate", "full", "clip", "cumsum"),
}
_PURE_METHODS = {"item", "tolist", "split", "to", "cpu", "numpy", "pop", "keys", "values", "items", "flip", "float"}
_TRAINING_INPUTS = {"labels", "mask_time_indices", "sampled_negative_indices"}
"""Inputs that callers give only to compute a loss."""
_INITIALIZERS = re.compile(r"_?(init|initialize|reset)_(\w+_)?(weights?|params|parameters)")
_SHOWN = {"extra_repr", "__repr__", "__str__"}
_IN_PLACE = {"normal_", "uniform_", "trunc_normal_", "constant_", "fill_", "zeros_", "ones_", "zero_"}
_CONFIG = re.compile(r"(\w*_)?(config|cfg|conf|args)")
_LOGGERS = {"logger", "logging", "warnings"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


class SourceReader:
    """One file, parsed."""

    def __init__(self, source: str, path: Path = Path()) -> None:
        self.path = path
        self.tree = ast.parse(source)
        self._parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}
        self._classes = {node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)}
        self._functions = {node.name: node for node in self.tree.body if isinstance(node, Function)}
        self._reads: dict[str, list[ast.expr]] = {}
        self._strings: dict[str, list[ast.Constant]] = {}
        self._fragments: set[str] = set()
        self._is_opaque = self._has_made_names = False
        for node in ast.walk(self.tree):
            self._index(node)

    def _index(self, node: ast.AST) -> None:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            self._reads.setdefault(node.attr, []).append(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            call = self._parents.get(node)
            if isinstance(call, ast.Call) and _name(call.func) in ("getattr", "hasattr") and call.args[1:2] == [node]:
                self._reads.setdefault(node.value, []).append(call)
            else:
                self._strings.setdefault(node.value, []).append(node)
                if isinstance(call, ast.JoinedStr):
                    self._fragments.add(node.value)
        self._is_opaque |= self._reads_everything(node)
        self._has_made_names |= self._reads_made_name(node)

    def _reads_everything(self, node: ast.AST) -> bool:
        """Return whether an expression reads all settings of a config, whatever their names."""
        match node:
            case ast.Call(func=ast.Attribute(attr="to_dict", value=base)):
                # Two configs that are compared as a whole: only whether they agree is asked.
                return _is_config(base) and not isinstance(self._parents.get(node), ast.Compare)
            case ast.Call(func=ast.Name(id="vars"), args=[base]) | ast.Attribute(attr="__dict__", value=base):
                return _is_config(base)
            case ast.keyword(arg=None, value=base):
                return _is_config(base)
        return False

    def _reads_made_name(self, node: ast.AST) -> bool:
        """Return whether an expression reads a setting whose name is put together."""
        match node:
            case ast.Call(func=ast.Name(id="getattr"), args=[base, name, *_]):
                return _is_config(base) and not isinstance(name, ast.Constant)
        return False

    def lines(self, name: str) -> set[int]:
        """Return the lines on which a name is read as an attribute."""
        nodes = self._reads.get(name, [])
        return {line for node in nodes for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}

    def imported_models(self) -> list[Path]:
        """Return the modeling files of other model types that this one imports."""
        lines = (node for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom) and node.level == 2)
        parts = (node.module.split(".") for node in lines if node.module)
        paths = [self.path.parent.parent / folder / f"{rest[0]}.py" for folder, *rest in parts if rest]
        return [path for path in paths if path.exists() and path.name.startswith(("modeling_", "generation_"))]

    @property
    def names(self) -> set[str]:
        """Every name that the file reads as an attribute, or holds as a string."""
        return {*self._reads, *self._strings}

    def matters(self, name: str, *, strings: bool = True) -> bool:
        """Return whether a setting of this name may affect what is computed in eval mode.

        Args:
            name: The setting.
            strings: Whether the name as a string counts too. In a list or as a key of an object it may be used to
                read the setting in ways that are not followed here.
        """
        if strings and (self._is_opaque or self.holds_string(name)):
            return True
        if strings and self._has_made_names and any(part in name for part in self._fragments):
            return True
        return not all(_Walk(self).is_harmless(node) for node in self._reads.get(name, []) if self._is_setting(node))

    def _is_text(self, node: ast.Constant) -> bool:
        parent = self._parents.get(node)
        return isinstance(parent, ast.Expr | ast.FormattedValue | ast.JoinedStr) or self._in_init_all(node)

    def _in_init_all(self, node: ast.AST) -> bool:
        top = self._statement(node)
        return isinstance(top, ast.Assign) and _name(top.targets[0]) == "__all__"

    def _is_setting(self, node: ast.expr) -> bool:
        """Return whether an attribute may be read from a config: not from a library, nor from a module's own tree."""
        chain = _chain(_base(node))
        # What a module reads from itself is not a config's, but may be what it took from one: that is followed.
        return not chain or _is_config(_base(node)) or (chain[0] not in _LIBRARIES and chain != ["self"])

    def reads_own(self, name: str) -> bool:
        """Return whether a config class uses a setting of its own for more than to check it.

        What it derives from a setting may be the same in a tiny model only: every third of two layers.
        """
        functions = (self.function_around(node) for node in self._reads.get(name, []))
        return any(function is not None and not function.name.startswith("validate") for function in functions)

    def matters_to_modules(self, name: str) -> bool:
        """Return whether this file may read an attribute of this name from another file's module."""
        for node in self.attribute_reads(name):
            chain = _chain(_base(node))
            own = chain == ["self"] or _is_config(_base(node))
            if not own and not _Walk(self).is_ignored(node):
                return True
        return False

    def attribute_reads(self, name: str) -> Iterator[ast.expr]:
        """Yield every read of an attribute, from whatever object."""
        for node in self._reads.get(name, []):
            chain = _chain(node.value) if isinstance(node, ast.Attribute) else []
            if not chain or chain[0] not in _LIBRARIES:
                yield node

    def holds_string(self, name: str) -> bool:
        """Return whether the name occurs as a string elsewhere than in ``getattr``."""
        return any(not self._is_text(node) for node in self._strings.get(name, []))

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node around a node."""
        return self._parents.get(node)

    def around(self, node: ast.AST, *kinds: type[ast.AST]) -> ast.AST | None:
        """Return the nearest node of some kinds around a node."""
        found = self._parents.get(node)
        while found is not None and not isinstance(found, kinds):
            found = self._parents.get(found)
        return found

    def _statement(self, node: ast.AST) -> ast.AST | None:
        return self.around(node, ast.stmt)

    def function_around(self, node: ast.AST) -> Function | None:
        """Return the function that contains a node."""
        found = self.around(node, ast.FunctionDef, ast.AsyncFunctionDef)
        return found if isinstance(found, Function) else None

    def class_around(self, node: ast.AST) -> ast.ClassDef | None:
        """Return the class that contains a node."""
        found = self.around(node, ast.ClassDef)
        return found if isinstance(found, ast.ClassDef) else None

    def family(self, owner: ast.ClassDef | None) -> set[ast.ClassDef | None]:
        """Return a class with those of this file that it inherits from, or that inherit from any of these."""
        found: set[ast.ClassDef | None] = {owner}
        grew = True
        while grew:
            grew = False
            for node in self._classes.values():
                bases = {self._classes.get(_name(base)) for base in node.bases} - {None}
                if (node in found and not bases <= found) or (node not in found and bases & found):
                    found |= {node, *bases}
                    grew = True
        return found

    def method(self, owner: ast.ClassDef | None, name: str, *, inherited_only: bool = False) -> Function | None:
        """Find a method of a class, or of a class of this file that it inherits from."""
        if owner is None:
            return None
        if not inherited_only:
            for node in owner.body:
                if isinstance(node, Function) and node.name == name:
                    return node
        for base in owner.bases:
            known = self._classes.get(_name(base))
            if known is not None and known is not owner and (found := self.method(known, name)):
                return found
        return None

    def callee(self, call: ast.Call) -> tuple[Function, bool] | None:
        """Find the function of this file that a call runs, and whether its first parameter is ``self``."""
        func = call.func
        if isinstance(func, ast.Name):
            if func.id in self._classes:
                found = self.method(self._classes[func.id], "__init__")
                return (found, True) if found else None
            return (self._functions[func.id], False) if func.id in self._functions else None
        if not isinstance(func, ast.Attribute):
            return None
        owner = self.class_around(call)
        if isinstance(func.value, ast.Name) and func.value.id == "self":
            found = self.method(owner, func.attr)
            return (found, not _is_static(found)) if found else None
        if isinstance(func.value, ast.Call) and _name(func.value.func) == "super":
            found = self.method(owner, func.attr, inherited_only=True)
            return (found, True) if found else None
        return None


class _Walk:
    """Follows values from reads to their ends; what was followed once is not followed again."""

    def __init__(self, reader: SourceReader) -> None:
        self.reader = reader
        self.seen: set[object] = set()

    def is_harmless(self, node: ast.AST) -> bool:
        """Return whether the value of an expression can have no effect in eval mode."""
        if self.is_ignored(node):
            return True
        parent = self.reader.parent(node)
        match parent:
            case ast.Call():
                return self._in_call(parent, node, None)
            case ast.keyword():
                call = self.reader.parent(parent)
                return isinstance(call, ast.Call) and parent.arg is not None and self._in_call(call, node, parent.arg)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.NamedExpr():
                targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
                return all(self._is_target_harmless(target) for target in targets)
            case ast.IfExp() if node is parent.test and _is_no_op(parent.body) and _is_no_op(parent.orelse):
                return True
            case ast.BinOp() | ast.UnaryOp() | ast.BoolOp() | ast.Compare() | ast.IfExp() | ast.Subscript():
                return self.is_harmless(parent)
            case ast.List() | ast.Tuple() | ast.JoinedStr() | ast.FormattedValue() | ast.ListComp():
                return self.is_harmless(parent)
            case ast.Attribute(attr=name):
                call = self.reader.parent(parent)
                calls_method = isinstance(call, ast.Call) and call.func is parent and name in _PURE_METHODS
                return calls_method and call is not None and self.is_harmless(call)
            case ast.comprehension() if node is parent.iter:
                outer = self.reader.parent(parent)
                return outer is not None and self._is_target_harmless(parent.target) and self.is_harmless(outer)
            case ast.For() if node is parent.iter:
                return self._is_target_harmless(parent.target)
            case ast.If() if node is parent.test and self._skips_training_only(parent):
                return True
            case ast.If() if node is parent.test:
                return all(self._is_harmless_statement(line) for line in (*parent.body, *parent.orelse))
            case ast.Expr():
                return True
        return False

    def _in_call(self, call: ast.Call, node: ast.AST, keyword: str | None) -> bool:
        name, chain = _name(call.func), _chain(call.func)
        if node is call.func:
            # A method of the value, such as tolist(); calling the value itself runs something unknown.
            return False
        if chain[:1] and chain[0] in _LOGGERS:
            return True
        if name in _DROPOUT_MODULES or name == "Parameter" or (name in _IN_PLACE and "init" in chain):
            return True
        if name in _DROPOUT_FUNCTIONS and any(_is_training(arg) for arg in _arguments(call)):
            return True
        if name in _PURE:
            return self.is_harmless(call)
        return self._is_parameter_harmless(call, node, keyword)

    def _is_parameter_harmless(self, call: ast.Call, node: ast.AST, keyword: str | None) -> bool:
        found = self.reader.callee(call)
        if found is None or any(isinstance(arg, ast.Starred) for arg in call.args):
            return False
        function, bound = found
        names = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
        if keyword is not None:
            known = keyword in (*names, *(arg.arg for arg in function.args.kwonlyargs))
            return known and self._is_local_harmless(function, keyword)
        position = next((at for at, arg in enumerate(call.args) if arg is node), None)
        if position is None or position + bound >= len(names):
            return False
        return self._is_local_harmless(function, names[position + bound])

    def _is_target_harmless(self, target: ast.AST) -> bool:
        match target:
            case ast.Name():
                scope = self.reader.function_around(target)
                return scope is not None and self._is_local_harmless(scope, target.id)
            case ast.Attribute(value=ast.Name(id="self")):
                return self._is_attribute_harmless(target.attr, self.reader.class_around(target))
            case ast.Tuple() | ast.List():
                return all(self._is_target_harmless(item) for item in target.elts)
        return False

    def _is_local_harmless(self, function: Function, name: str) -> bool:
        if (function, name) in self.seen:
            return True
        self.seen.add((function, name))
        reads = (node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name)
        return all(self.is_harmless(node) for node in reads if isinstance(node.ctx, ast.Load))

    def _is_attribute_harmless(self, name: str, owner: ast.ClassDef | None) -> bool:
        if (name, owner) in self.seen:
            return True
        self.seen.add((name, owner))
        if name in _shared_names():
            return False
        if self.reader.holds_string(name):
            return False
        family = self.reader.family(owner)
        for node in self.reader.attribute_reads(name):
            # Another class's attribute of the same name, unless one inherits from the other.
            if _chain(_base(node)) == ["self"] and self.reader.class_around(node) not in family:
                continue
            if not self.is_harmless(node):
                return False
        return True

    def _skips_training_only(self, branch: ast.If) -> bool:
        """Return whether a branch returns early what the rest of the function returns too, in eval mode."""
        function = self.reader.function_around(branch)
        if function is None or branch not in function.body or branch.orelse:
            return False
        rest = function.body[function.body.index(branch) + 1 :]
        if len(branch.body) != 1 or not isinstance(branch.body[0], ast.Return) or not rest:
            return False
        return ast.unparse(branch.body[0]) == ast.unparse(rest[-1]) and all(map(_is_for_training, rest[:-1]))

    def _is_harmless_statement(self, line: ast.stmt) -> bool:
        match line:
            case ast.Raise() | ast.Pass():
                return True
            case ast.Assign(value=value) if _is_no_op(value):
                return True
            case ast.Assign(targets=targets):
                return all(self._is_target_harmless(target) for target in targets)
            case ast.If():
                return all(self._is_harmless_statement(inner) for inner in (*line.body, *line.orelse))
            case ast.Expr(value=ast.Call() as call):
                return _chain(call.func)[:1] != [] and _chain(call.func)[0] in _LOGGERS
        return False

    def is_ignored(self, node: ast.AST) -> bool:
        """Return whether eval mode never computes an expression, or ignores its value."""
        child: ast.AST = node
        parent = self.reader.parent(child)
        while parent is not None:
            match parent:
                case ast.BoolOp(op=ast.And()) if any(_is_training(v) for v in parent.values if v is not child):
                    return True
                case ast.BoolOp(op=ast.Or()) if any(_is_eval(v) for v in parent.values if v is not child):
                    return True
                case ast.IfExp(test=test):
                    if (child is parent.body and _needs_training(test)) or (child is parent.orelse and _is_eval(test)):
                        return True
                case ast.If(test=test) if child is not test:
                    inside = child in parent.body
                    if (inside and _needs_training(test)) or (not inside and _is_eval(test)):
                        return True
                case ast.FunctionDef():
                    if _INITIALIZERS.fullmatch(parent.name) or parent.name in _SHOWN:
                        return True
            if isinstance(child, ast.stmt) and _follows_eval_return(parent, child):
                return True
            child, parent = parent, self.reader.parent(parent)
        return False


def _is_training(node: ast.AST) -> bool:
    """Return whether an expression is ``self.training``, or the like, and so false in eval mode."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return any(_is_training(value) for value in node.values)
    return _name(node) == "training"


def _is_eval(node: ast.AST) -> bool:
    """Return whether an expression is true in eval mode."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return any(_is_eval(value) for value in node.values)
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) and _is_training(node.operand)


def _needs_training(node: ast.AST) -> bool:
    """Return whether an expression is false in eval mode, or where no labels are given."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return any(_needs_training(value) for value in node.values)
    with_labels = (
        isinstance(node, ast.Compare)
        and isinstance(node.ops[0], ast.IsNot)
        and (_name(node.left) in _TRAINING_INPUTS or _name(node.left).endswith("_labels"))
        and isinstance(node.comparators[0], ast.Constant)
    )
    return with_labels or _is_training(node)


def _is_for_training(line: ast.stmt) -> bool:
    """Return whether a statement does nothing in eval mode but set local variables."""
    if isinstance(line, ast.If):
        return _needs_training(line.test) and all(map(_is_for_training, line.orelse))
    return isinstance(line, ast.Assign) and all(isinstance(target, ast.Name | ast.Tuple) for target in line.targets)


def _follows_eval_return(parent: ast.AST, child: ast.stmt) -> bool:
    body = getattr(parent, "body", None)
    if not isinstance(body, list) or child not in body:
        return False
    before = body[: body.index(child)]
    return any(isinstance(s, ast.If) and _is_eval(s.test) and isinstance(s.body[-1], ast.Return) for s in before)


def _is_no_op(node: ast.AST) -> bool:
    """Return whether an expression makes a module that passes its input through in eval mode."""
    return isinstance(node, ast.Call) and bool(_NO_OP.fullmatch(_name(node.func)))


def _is_config(node: ast.expr) -> bool:
    """Return whether an expression is called what configs are called."""
    return any(_CONFIG.fullmatch(part) for part in _chain(node))


def _base(node: ast.expr) -> ast.expr:
    """Return the object that an attribute is read from, by a dot or by ``getattr``."""
    return node.args[0] if isinstance(node, ast.Call) else node.value if isinstance(node, ast.Attribute) else node


def _is_static(function: Function | None) -> bool:
    return function is not None and any(_name(node) == "staticmethod" for node in function.decorator_list)


def _arguments(call: ast.Call) -> Iterable[ast.AST]:
    return (*call.args, *(keyword.value for keyword in call.keywords))


def _name(node: ast.AST) -> str:
    """Return the last part of a dotted name; empty if the expression is not one."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _chain(node: ast.AST) -> list[str]:
    """Return the parts of a dotted name; empty if the expression is not one."""
    if isinstance(node, ast.Name):
        return [node.id]
    inner = _chain(node.value) if isinstance(node, ast.Attribute) else []
    return [*inner, node.attr] if inner and isinstance(node, ast.Attribute) else []


@cache
def read_source(path: Path) -> SourceReader:
    """Parse a file once."""
    return SourceReader(path.read_text(encoding="utf-8"), path)


# What every model runs through besides its own file.
_SHARED = (
    *("modeling_utils.py", "cache_utils.py", "masking_utils.py", "modeling_rope_utils.py", "modeling_layers.py"),
    *("modeling_flash_attention_utils.py", "modeling_attn_mask_utils.py", "pytorch_utils.py", "initialization.py"),
    *("core_model_loading.py", "backbone_utils.py", "activations.py", "utils/generic.py", "utils/output_capturing.py"),
    *("generation/*.py", "loss/*.py", "integrations/*.py", "pipelines/*.py"),
)


@cache
def shared_sources() -> tuple[SourceReader, ...]:
    """Read the code that all models share."""
    import transformers

    root = Path(str(transformers.__file__)).parent
    return tuple(read_source(path) for pattern in _SHARED for path in sorted(root.glob(pattern)))


@cache
def _shared_names() -> frozenset[str]:
    """Return the attributes that shared code reads from modules in ways that may matter."""
    return frozenset(name for reader in shared_sources() for name in reader.names if reader.matters_to_modules(name))
