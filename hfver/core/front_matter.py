"""The YAML block between ``---`` lines that opens a model card."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hfver.core.yaml import dump_yaml, load_yaml
from hfver.errors import BadConfig

__all__ = ["join_front_matter", "split_front_matter"]

_BLOCK = re.compile(r"\A\s*---[ \t]*\n(?P<yaml>(?:.*?\n)??)---[ \t]*(?:\n|\Z)", re.DOTALL)


def split_front_matter(text: str, where: str) -> tuple[dict[str, Any], str]:
    """Split a card into its metadata and its body, whose lines end in a bare newline.

    A card without metadata, or whose ``---`` lines hold something else than keys and values, is all body.

    Raises:
        BadConfig: The block is no YAML, too big, or uses aliases; ``where`` names the card in the error.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    match = _BLOCK.match(text)
    if match is None:
        return {}, text
    try:
        data = load_yaml(match["yaml"].encode(errors="replace"))
    except ValueError as error:
        raise BadConfig(
            f"The metadata at the top of {where} cannot be read: {error}.",
            "Repair the block between the --- lines.",
        ) from None
    if data is None:
        return {}, text[match.end() :]
    if not isinstance(data, dict):
        return {}, text
    return {str(key): value for key, value in data.items()}, text[match.end() :]


def join_front_matter(data: Mapping[str, Any], body: str) -> str:
    """Put metadata in front of a body."""
    return f"---\n{dump_yaml(dict(data)).decode()}---\n\n{body}" if data else body
