"""Shortening text of others before it is printed: what a repo says must not fill a terminal or a log."""

from __future__ import annotations

__all__ = ["shortened"]

MAX_SHOWN = 1000
"""Characters of a text that are shown; no reason that a person wrote needs more."""


def shortened(text: str | None, limit: int = MAX_SHOWN) -> str:
    """Return a text to be shown, at most so many characters of it, and how many there are."""
    text = text or ""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
