"""Finding in a folder what would run the author's code when the model is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

_CODE = {".py", ".pyc", ".pyd", ".so", ".dylib", ".dll"}
_KEYS = {"auto_map", "custom_pipelines"}
_TRUSTED_MODULES = ("sentence_transformers.",)


def code_files(paths: Iterable[str]) -> Iterator[str]:
    """Yield the paths of programs and compiled libraries."""
    return (path for path in paths if PurePosixPath(path).suffix.lower() in _CODE)


def code_settings(path: str, config: Any) -> Iterator[str]:
    """Yield ``path: key`` for each setting that names code, at any depth.

    ``auto_map`` leads to files of the repo. Keys such as ``_attn_implementation_internal`` are written by no
    ``save_pretrained``, and are taken as they come even with trust_remote_code=False (CVE-2026-4372).
    """
    return (f"{path}: {key}" for key in sorted(set(_suspicious(config))))


def module_types(path: str, modules: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield ``path: type`` for each module in ``modules.json`` that is not the library's own."""
    for module in modules:
        if not module["type"].startswith(_TRUSTED_MODULES):
            yield f"{path}: {module['type'][:120]}"


def _suspicious(config: Any) -> Iterator[str]:
    stack = [config]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack += value
        elif isinstance(value, dict):
            yield from (key for key, held in value.items() if held and _names_code(key))
            stack += value.values()


def _names_code(key: str) -> bool:
    return key in _KEYS or (key.startswith("_") and key.endswith("_internal"))
