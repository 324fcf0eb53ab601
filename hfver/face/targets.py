"""What a caller may name: a release, or a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hfver.errors import BadConfig

__all__ = ["looks_like_folder", "one_of"]


def looks_like_folder(target: str) -> bool:
    """Tell a path from a reference: it exists as a folder, or is written like a path."""
    return target.startswith((".", "/", "~")) or ("@" not in target and Path(target).is_dir())


def one_of(option: str, value: str, allowed: Sequence[str]) -> str:
    """Return an option's value after checking that it is one of those allowed.

    Raises:
        BadConfig: It is another one.
    """
    if value not in allowed:
        raise BadConfig(f"{option} cannot be {value!r}.", f"Choose one of: {', '.join(allowed)}")
    return value
