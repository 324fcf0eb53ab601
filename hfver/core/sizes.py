"""Sizes in words."""

from __future__ import annotations

__all__ = ["human"]


def human(size: float) -> str:
    """Write a number of bytes for people, in powers of 1000, as the Hub does."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
