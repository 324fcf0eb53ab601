"""Finding configs that would make a library run code from the folder or from somewhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hfver.errors import BadCheckpoint, PolicyViolation

MAX_CONFIG_BYTES = 64 * 1024 * 1024
INTERNAL = re.compile(r"^_.*_internal$")
"""Keys that transformers sets for itself; in a file they smuggle a value past its checks (CVE-2026-4372)."""
KERNEL_KEYS = {"attn_implementation", "_attn_implementation", "experts_implementation", "kernel_config"}
"""Keys whose value may name a kernel repo on the Hub (``owner/name``), whose code would be run."""


def refuse_code(directory: Path) -> None:
    """Refuse a folder whose configs ask for code to be run.

    Raises:
        PolicyViolation: A config has ``auto_map``, a ``_*_internal`` key, a kernel from the Hub, or a module
            class from outside sentence-transformers.
        BadCheckpoint: A config is not JSON.
    """
    for path in _configs(directory):
        for where in _code_in(read_json(path)):
            raise PolicyViolation(
                f"{path}: {where} asks for code to be run that is not part of the installed libraries.",
                "Read that code; if you trust it, use --trust-remote-code (trust_remote_code=True).",
            )


def read_json(path: Path) -> Any:
    """Read a JSON file of a checkpoint.

    Raises:
        BadCheckpoint: It is missing, too large, or no JSON.
    """
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise BadCheckpoint(f"{path}: too large for a config ({path.stat().st_size} bytes).")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise BadCheckpoint(f"{path}: cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise BadCheckpoint(f"{path}: not valid JSON.", "Save the model again.") from None


def _configs(directory: Path) -> Iterator[Path]:
    """Every small JSON file that a library reads as settings; tokenizer.json and indexes hold data only."""
    for path in sorted(directory.rglob("*.json")):
        if path.name == "modules.json" or path.name.endswith("config.json"):
            yield path


def _code_in(value: Any, where: str = "") -> Iterator[str]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _code_in(item, f"{where}[{number}]")
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        place = f"{where}.{key}".lstrip(".")
        if _is_code(key, item):
            yield place
        yield from _code_in(item, place)


def _is_code(key: str, value: Any) -> bool:
    if key in KERNEL_KEYS:
        return "/" in json.dumps(value)
    if key == "type" and isinstance(value, str):
        return _is_foreign_class(value)
    return bool(value) and (key == "auto_map" or INTERNAL.match(key) is not None)


def _is_foreign_class(name: str) -> bool:
    """Tell a class of another library in modules.json; the ``type`` of anything else has no dots."""
    return re.fullmatch(r"\w+(\.\w+)+", name) is not None and not name.startswith("sentence_transformers.")
