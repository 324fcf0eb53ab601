"""Finding in a folder what would run code when the model is loaded: the author's, or code from somewhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from hfver.errors import BadCheckpoint, PolicyViolation
from hfver.model.checkpoint.untrusted_files import shown, unreadable

__all__ = ["code_files", "code_settings", "module_types", "refuse_code"]

MAX_CONFIG_BYTES = 64 * 1024 * 1024
MODULES = "modules.json"

_CODE = {".py", ".pyc", ".pyd", ".so", ".dylib", ".dll"}
_KEYS = {"auto_map", "custom_pipelines"}
_INTERNAL = re.compile(r"_.*_internal")
"""Keys that transformers sets for itself; in a file they smuggle a value past its checks (CVE-2026-4372)."""
_KERNELS = {"attn_implementation", "_attn_implementation", "experts_implementation", "kernel_config"}
"""Keys whose value may name a kernel repo on the Hub (``owner/name``), whose code would be run."""
_CLASSES = {"type": "sentence_transformers.", "types": "sentence_transformers.", "activation_function": "torch.nn."}
"""Keys under which sentence-transformers imports a class by its dotted name, and where its own ones are."""
_LIBRARIES = re.compile(r"(transformers|peft|diffusers)(\..*)?")
"""What ``parent_library`` of a PEFT adapter may name: AutoPeftModel imports it."""
_DOTTED = re.compile(r"\w+(\.\w+)+")


class _Object(list[Any]):
    """A JSON object as its pairs, so that none of two equal keys is lost."""


def refuse_code(
    directory: Path, *, allowed: bool = False, name: str | None = None, paths: Iterable[str] | None = None
) -> None:
    """Refuse a folder whose configs ask for code to be run; with ``allowed`` let it be.

    This is the one rule for ``release``, ``pull``, ``load``, ``smoke`` and the lock, whose entry says whether code is
    allowed for exactly that commit. It needs no library that could run any.

    Args:
        directory: The folder, such as a snapshot in the cache.
        allowed: The user's word, or that of the lock.
        name: How errors call the folder; None for its path.
        paths: The files to look at; None for all.

    Raises:
        PolicyViolation: A config has ``auto_map``, a ``_*_internal`` key, a kernel from the Hub, or a class of a
            library that is none of the known ones.
        BadCheckpoint: A config is too large or too deep to be looked at.
    """
    if allowed:
        return
    inside = paths if paths is not None else (p.relative_to(directory).as_posix() for p in directory.rglob("*"))
    for path in sorted(path for path in inside if _is_config(path)):
        where = f"{name}: {shown(path)}" if name else shown(directory / path)
        for key in sorted(set(_settings(path, _read(directory / path, where)))):
            raise PolicyViolation(
                f"{where}: {key[:120]} asks for code to be run that is not part of the installed libraries.",
                "Read that code; if you trust it, use --trust-remote-code (trust_remote_code=True).",
            )


def code_files(paths: Iterable[str]) -> Iterator[str]:
    """Yield the paths of programs and compiled libraries."""
    return (path for path in paths if PurePosixPath(path).suffix.lower() in _CODE)


def code_settings(path: str, config: Any) -> Iterator[str]:
    """Yield ``path: key`` for each setting that names code, at any depth.

    ``auto_map`` leads to files of the repo. Keys such as ``_attn_implementation_internal`` are written by no
    ``save_pretrained``, and are taken as they come even with trust_remote_code=False.
    """
    return (f"{path}: {key}" for key in sorted(set(_settings(path, config))))


def module_types(path: str, modules: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield ``path: type`` for each module in ``modules.json`` that is not the library's own."""
    for module in modules:
        if not module["type"].startswith(_CLASSES["type"]):
            yield f"{path}: {module['type'][:120]}"


def _is_config(path: str) -> bool:
    """Tell the JSON files that a library reads as settings, also where case does not count."""
    name = PurePosixPath(path).name.lower()
    return name == MODULES or (name.endswith(".json") and "config" in name)


def _read(path: Path, where: str) -> Any:
    """Read a config with all of its keys; what is no JSON is read by no library, and says nothing."""
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise BadCheckpoint(f"{where}: too large for a config ({path.stat().st_size} bytes).")
        # Numbers of any length are fine here: whether Python reads them depends on a setting.
        return json.loads(path.read_bytes(), object_pairs_hook=_Object, parse_int=lambda _: 0)
    except OSError as error:
        raise unreadable(path, error) from None
    except RecursionError:
        raise BadCheckpoint(f"{where}: nested too deeply.", "Save the model again.") from None
    except ValueError:
        return None


def _settings(path: str, config: Any) -> Iterator[str]:
    is_modules = PurePosixPath(path).name.lower() == MODULES
    stack = [config]
    while stack:
        for key, value in _pairs(stack.pop()):
            stack.append(value)
            if key is not None and _names_code(key, value, is_modules):
                yield key


def _pairs(value: Any) -> Iterator[tuple[str | None, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, _Object):
        yield from value
    elif isinstance(value, list):
        yield from ((None, item) for item in value)


def _names_code(key: str, value: Any, is_modules: bool) -> bool:
    if key in _KERNELS:
        return any("/" in word for word in _words(value))
    if key == "parent_library":
        return any(not _LIBRARIES.fullmatch(word) for word in _words(value))
    if key in _CLASSES:
        return any(_is_foreign(word, _CLASSES[key], is_modules) for word in _words(value))
    return bool(value) and (key in _KEYS or _INTERNAL.fullmatch(key) is not None)


def _is_foreign(word: str, own: str, is_modules: bool) -> bool:
    """Tell the dotted name of a class elsewhere; in modules.json any name is one."""
    return not word.startswith(own) and (is_modules or _DOTTED.fullmatch(word) is not None)


def _words(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            yield one
        for key, held in _pairs(one):
            stack += [held] if key is None else [key, held]
