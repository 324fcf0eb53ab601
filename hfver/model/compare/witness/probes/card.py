"""A field of the model card's metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def observe(folder: Path, question: dict[str, Any]) -> Any:
    """Return the field; None if the card does not have it."""
    from huggingface_hub import metadata_load

    path = folder / "README.md"
    value = (metadata_load(path) or {}).get(question["key"]) if path.is_file() else None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def differences(question: dict[str, Any], expected: Any, observed: Any) -> list[str]:
    """Say how the field differs."""
    if observed == expected:
        return []
    return [f"{question['key']} of the model card was {expected!r} and is now {observed!r}"]
