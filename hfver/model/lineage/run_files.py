"""The small files that training tools leave in a folder."""

from __future__ import annotations

import json
from typing import Any, TypeGuard

from hfver.errors import BadConfig
from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.record import Number

__all__ = ["is_number", "only_numbers", "read_json_object", "read_text"]

MAX_BYTES = 64 * 1024 * 1024
"""Largest file that is read, in bytes. A trainer_state.json logs every step; that of a month stays below this."""


def read_text(checkpoint: Checkpoint, path: str) -> str | None:
    """Return the text of a small file, or None if there is none.

    Raises:
        BadConfig: It is larger than any file of its kind.
    """
    content = checkpoint.content.get(path)
    if content is not None:
        return content.decode("utf-8", errors="replace")
    file = checkpoint.directory / path
    if file.is_file() and file.stat().st_size > MAX_BYTES:
        raise BadConfig(f"{file} has more than {MAX_BYTES} bytes.", "Move it out of the folder.")
    return None


def read_json_object(checkpoint: Checkpoint, path: str) -> dict[str, Any]:
    """Return the JSON object in a small file; empty if there is no file.

    NaN and Infinity, which the Trainer writes, are read as None.

    Raises:
        BadConfig: The file holds something else.
    """
    content = read_text(checkpoint, path)
    if content is None:
        return {}
    try:
        data = json.loads(content, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise BadConfig(
            f"{checkpoint.directory / path} is not a JSON object.", "Repair it, or move it out of the folder."
        )
    return data


def is_number(value: Any) -> TypeGuard[int | float]:
    """Return whether a value is a finite number; a Boolean is not a number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value - value == 0


def only_numbers(values: dict[str, Any]) -> dict[str, Number]:
    """Keep the entries that are finite numbers."""
    return {key: value for key, value in values.items() if is_number(value)}
