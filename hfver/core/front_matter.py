"""The YAML block between ``---`` lines at the top of a model card: the one reader of it outside the embedded Hub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hfver.core.yaml import YamlError, dump_yaml, load_yaml
from hfver.errors import BadConfig

__all__ = ["join_front_matter", "split_front_matter"]

MAX_BYTES = 512 * 1024
"""Largest block in bytes."""
MAX_DEPTH = 32
"""Most levels of nesting; evaluation results, the deepest thing that cards hold, have about ten."""

# Where huggingface.co finds the block (REGEX_YAML_BLOCK in huggingface_hub/repocard.py). In JavaScript the byte order
# mark counts as white space, in Python it does not.
_BLOCK = re.compile(r"[\s\ufeff]*---(?:\r\n|\r|\n)(?P<yaml>[\S\s]*?)(?:\r\n|\r|\n)---[ \t]*(?:\r\n|\n|\Z)")


def split_front_matter(text: str, where: str) -> tuple[dict[str, Any], str]:
    """Split a card into its metadata and its body.

    A date that does not exist, or an integer that is too long, stays text: the author's metadata is handed on, and
    only few of its keys mean anything to hfver.

    Args:
        text: The card.
        where: What errors call it.

    Returns:
        The metadata, and the body with plain newlines. A card without metadata, or whose ``---`` lines hold something
        other than keys and values, is all body: it begins with a horizontal rule.

    Raises:
        BadConfig: The block is not YAML, too large, nested too deeply, or uses aliases.
    """
    match = _BLOCK.match(text)
    if match is None:
        return {}, _plain_newlines(text)
    data = _load(match["yaml"], _line_of(text, match.start("yaml")), where)
    if data is not None and not isinstance(data, dict):
        return {}, _plain_newlines(text)
    return {str(key): value for key, value in (data or {}).items()}, _plain_newlines(text[match.end() :])


def join_front_matter(data: Mapping[str, Any], body: str) -> str:
    """Put metadata in front of a body."""
    return f"---\n{dump_yaml(dict(data)).decode()}---\n\n{body}" if data else body


def _load(block: str, first_line: int, where: str) -> Any:
    try:
        return load_yaml(block.encode(errors="replace"), limit=MAX_BYTES, max_depth=MAX_DEPTH, lenient=True)
    except ValueError as error:
        found = error
        if isinstance(error, YamlError) and error.line:
            found = YamlError(error.problem, first_line - 1 + error.line)
        raise BadConfig(
            f"The metadata at the top of {where} cannot be read: {found}.", "Repair the block between the --- lines."
        ) from None


def _line_of(text: str, position: int) -> int:
    return len(re.findall(r"\r\n|\r|\n", text[:position])) + 1


def _plain_newlines(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
