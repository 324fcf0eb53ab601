"""The defaults of processor and quantization classes, read from the source of the installed transformers.

Importing these classes needs torch, torchvision or Pillow, which need not be installed and take seconds to load. Their
defaults are plain values in the source: attributes of the class, or parameters of its constructor.
"""

from __future__ import annotations

import ast
import importlib.util
import operator
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["defaults_of", "diffusers_defaults"]

_FILES = ("models/*/image_processing_*.py", "models/*/video_processing_*.py", "models/*/feature_extraction_*.py")
_BASES = (
    *("image_processing_utils.py", "image_processing_backends.py", "video_processing_utils.py"),
    *("feature_extraction_sequence_utils.py", "feature_extraction_utils.py", "image_processing_base.py"),
    "utils/quantization_config.py",
)
# Of Pillow's Resampling, which the files hold as numbers.
_RESAMPLING = {"NEAREST": 0, "LANCZOS": 1, "BILINEAR": 2, "BICUBIC": 3, "BOX": 4, "HAMMING": 5}
_NO_SETTINGS = {"valid_kwargs", "model_input_names", "slow_image_processor_class", "is_fast", "processor_class"}
_OPERATORS = {ast.Div: operator.truediv, ast.Mult: operator.mul, ast.Add: operator.add, ast.Sub: operator.sub}


def diffusers_defaults(name: str) -> Mapping[str, Any]:
    """Return the defaults of a model or scheduler class of the installed diffusers; none for a class it lacks."""
    path = _diffusers_index().get(name)
    if path is None:
        return {}
    tree = ast.parse(_text(path))
    node = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), None)
    found: dict[str, Any] = {}
    for key, value in _own(node) if node is not None else ():
        known, result = _evaluated(value, {})
        if known and not key.startswith("_"):
            found[key] = result
    return found


@cache
def _diffusers_index() -> Mapping[str, Path]:
    spec = importlib.util.find_spec("diffusers")
    if spec is None or not spec.origin:
        return {}
    root = Path(spec.origin).parent
    paths = [*sorted(root.glob("schedulers/scheduling_*.py")), *sorted(root.glob("models/**/*.py"))]
    return {name: path for path in paths for name in re.findall(r"^class (\w+)", _text(path), re.MULTILINE)}


def defaults_of(name: str) -> Mapping[str, Any] | None:
    """Return the defaults of a class of transformers; None if there is no such class.

    Args:
        name: The class, as processor configs name it, or one of ``utils/quantization_config.py``.
    """
    path = _index().get(name)
    return dict(_defaults(name, path)) if path is not None else None


@cache
def _defaults(name: str, path: Path) -> Mapping[str, Any]:
    tree, constants = _parsed(path)
    node = next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), None)
    found: dict[str, Any] = {}
    if node is None:
        return found
    for base in node.bases:
        # The nearest definition wins, so what comes from further away is entered first.
        if isinstance(base, ast.Name) and base.id != name and (home := _home(base.id, path)) is not None:
            found |= _defaults(base.id, home)
    for key, value in _own(node):
        known, result = _evaluated(value, constants)
        if known and key not in _NO_SETTINGS and not key.startswith("_"):
            found[key] = result
    return found


def _home(name: str, path: Path) -> Path | None:
    if any(isinstance(node, ast.ClassDef) and node.name == name for node in _parsed(path)[0].body):
        return path
    return _index().get(name)


def _own(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    """Yield what a class sets itself, and the defaults of its constructor."""
    for line in node.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value
            case ast.FunctionDef(name="__init__", args=args):
                yield from _popped(line)
                names = [arg.arg for arg in (*args.posonlyargs, *args.args)]
                yield from zip(names[len(names) - len(args.defaults) :], args.defaults, strict=True)
                pairs = zip(args.kwonlyargs, args.kw_defaults, strict=True)
                yield from ((arg.arg, value) for arg, value in pairs if value is not None)


def _popped(function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    """Yield the defaults that a constructor gives to ``kwargs.pop``."""
    for node in ast.walk(function):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="kwargs"), attr="pop"), args=[ast.Constant(name), value]
            ):
                if isinstance(name, str):
                    yield name, value


def _evaluated(node: ast.expr, constants: Mapping[str, Any]) -> tuple[bool, Any]:
    """Return whether the value of an expression is known without running it, and the value."""
    with suppress(ValueError):  # it is no literal
        return True, ast.literal_eval(node)
    match node:
        case ast.Name(id=name) if name in constants:
            return True, constants[name]
        case ast.Attribute(value=ast.Name(id="PILImageResampling"), attr=name) if name in _RESAMPLING:
            return True, _RESAMPLING[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            known, one = _evaluated(left, constants)
            other_known, other = _evaluated(right, constants)
            if known and other_known and all(isinstance(value, int | float) for value in (one, other)):
                return True, _OPERATORS[type(op)](one, other)
    return False, None


@cache
def _root() -> Path | None:
    # Found, not imported: that would take seconds.
    spec = importlib.util.find_spec("transformers")
    return Path(spec.origin).parent if spec is not None and spec.origin else None


@cache
def _index() -> Mapping[str, Path]:
    """Return the file of each class."""
    root = _root()
    if root is None:
        return {}
    paths = [path for pattern in _FILES for path in sorted(root.glob(pattern))]
    paths += [root / name for name in _BASES if (root / name).exists()]
    return {name: path for path in paths for name in re.findall(r"^class (\w+)", _text(path), re.MULTILINE)}


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _parsed(path: Path) -> tuple[ast.Module, Mapping[str, Any]]:
    """Parse a file; with it come the constants that it and the image utilities define."""
    tree = ast.parse(_text(path))
    root = _root()
    shared = root / "image_utils.py" if root else path
    constants: dict[str, Any] = {}
    for module in (ast.parse(_text(shared)) if shared.exists() else ast.Module([], []), tree):
        imported = [node for node in ast.walk(module) if isinstance(node, ast.ImportFrom)]
        constants |= {name: value for node in imported for name, value in _image_constants(node, root).items()}
        for line in module.body:
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
                known, value = _evaluated(line.value, constants)
                if known:
                    constants[line.targets[0].id] = value
    return tree, constants


def _image_constants(node: ast.ImportFrom, root: Path | None) -> dict[str, Any]:
    """Return the means and deviations that a file imports from ``utils/constants.py``."""
    path = root / "utils" / "constants.py" if root else None
    if path is None or not path.exists():
        return {}
    lines = [line for line in ast.parse(_text(path)).body if isinstance(line, ast.Assign)]
    held = {line.targets[0].id: ast.literal_eval(line.value) for line in lines if isinstance(line.targets[0], ast.Name)}
    return {alias.asname or alias.name: held[alias.name] for alias in node.names if alias.name in held}
