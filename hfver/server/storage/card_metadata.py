"""Reads the metadata block at the top of a README. The README is untrusted input."""

from __future__ import annotations

import re
from typing import Any

import yaml

from hfver.server.responses import plain

MAX_CARD = 1024 * 1024
_MAX_METADATA = 128 * 1024
_MAX_DEPTH = 100
# The expression of huggingface.co, as huggingface_hub has it (`REGEX_YAML_BLOCK`). In JavaScript the byte order mark
# counts as white space, in Python it does not.
_BLOCK = re.compile(r"[\s\ufeff]*---(?:\r\n|\r|\n)([\S\s]*?)(?:\r\n|\r|\n)---[ \t]*(?:\r\n|\n|\Z)")
_MERGE = "tag:yaml.org,2002:merge"


class CardError(ValueError):
    """The metadata block is not valid."""


class _StrictLoader(yaml.SafeLoader):
    """Refuses aliases, a few hundred bytes of which expand to megabytes.

    Like js-yaml, which the Hub uses, it also refuses duplicate keys and more than 100 levels.
    """

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise CardError("YAML aliases are not allowed")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise CardError(f"the metadata is nested more than {_MAX_DEPTH} levels deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        # A merge key may repeat keys. The parent replaces it by what it merges, so look and count before.
        has_merge, count = any(key.tag == _MERGE for key, _ in node.value), len(node.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        if len(mapping) != count and not has_merge:
            raise CardError(f"duplicate key in the mapping at line {node.start_mark.line + 1} of the metadata")
        return mapping


def read_metadata(text: str) -> dict[str, Any]:
    """Read the metadata of a README; empty if it has none.

    Raises:
        CardError: The block is too large, is not YAML, or is not a mapping.
    """
    block = _BLOCK.match(text[: MAX_CARD + 1])
    if block is None:
        return {}
    if len(block[1]) > _MAX_METADATA:
        raise CardError("the metadata is too large")
    try:
        value = plain(yaml.load(block[1], Loader=_StrictLoader))  # noqa: S506  (a subclass of SafeLoader)
    except CardError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise CardError(f"invalid YAML: {error}") from error
    if value is not None and not isinstance(value, dict):
        raise CardError("the metadata must be a mapping")
    return value or {}
