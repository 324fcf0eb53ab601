"""A setting as it is written in a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def lookup(held: Any, key: str) -> dict[str, Any]:
    """Find a setting by its dotted path; names may have dots themselves."""
    if isinstance(held, dict):
        if key in held:
            return {"value": held[key]}
        for end, letter in enumerate(key):
            if letter == "." and key[:end] in held:
                found = lookup(held[key[:end]], key[end + 1 :])
                if found:
                    return found
    return {}


def observe(folder: Path, question: dict[str, Any]) -> dict[str, Any]:
    """Return the setting as {"value": ...}; an empty object if it is not there."""
    path = folder / question["file"]
    if not path.is_file():
        return {}
    # NaN and Infinity are written as transformers 5 does: JSON has no literal for them.
    held = json.loads(path.read_bytes(), parse_constant=lambda name: {"__float__": name})
    return lookup(held, question["key"]) if question["key"] else {"value": held}


def differences(question: dict[str, Any], expected: dict[str, Any], observed: dict[str, Any]) -> list[str]:
    """Say how the setting differs."""
    if observed == expected:
        return []
    before, after = (repr(one["value"]) if one else "not there" for one in (expected, observed))
    return [f"{question['key'] or 'the content'} in {question['file']} was {before} and is now {after}"]
