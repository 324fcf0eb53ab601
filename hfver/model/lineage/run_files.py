"""Small files that training tools leave in a folder, read with care."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeGuard

from hfver.errors import BadConfig
from hfver.model.lineage.record import Number

__all__ = ["is_number", "read_json_object", "read_text"]

MAX_BYTES = 64 * 1024 * 1024
"""A trainer_state.json logs every step; a month of them stays under this."""


def read_text(path: Path) -> str | None:
    """Read a text file; None where there is none.

    Raises:
        BadConfig: It is larger than any file of its kind.
    """
    if not path.is_file():
        return None
    if path.stat().st_size > MAX_BYTES:
        raise BadConfig(f"{path} has more than {MAX_BYTES} bytes.", "Move it out of the folder.")
    return path.read_text("utf-8", errors="replace")


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty where there is no file. NaN and Infinity, which the Trainer writes, are None.

    Raises:
        BadConfig: The file holds something else.
    """
    content = read_text(path)
    if content is None:
        return {}
    try:
        data = json.loads(content, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise BadConfig(f"{path} is no JSON object.", "Repair it, or move it out of the folder.")
    return data


def is_number(value: Any) -> TypeGuard[int | float]:
    """Tell whether a value is a finite number and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value - value == 0


def only_numbers(values: dict[str, Any]) -> dict[str, Number]:
    """Keep the entries that are numbers."""
    return {key: value for key, value in values.items() if is_number(value)}
