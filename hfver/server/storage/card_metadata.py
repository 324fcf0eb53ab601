"""The metadata block of a README, read without trusting it."""

from __future__ import annotations

import re
from typing import Any

import yaml

from hfver.server.responses import plain

MAX_CARD = 1024 * 1024
_MAX_METADATA = 128 * 1024
_BLOCK = re.compile(r"\A\ufeff?\s*---[ \t]*\r?\n(.*?)(?:^|\n)---[ \t]*(?:\r?\n|\Z)", re.DOTALL)


class CardError(ValueError):
    """The metadata is not what a card may hold."""


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses aliases: a few hundred bytes of them expand to megabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise CardError("YAML aliases are not allowed")
        return super().compose_node(parent, index)


def read_metadata(text: str) -> dict[str, Any]:
    """Read the metadata of a card; empty when it has none.

    Raises:
        CardError: The block is too large, no YAML, or no mapping.
    """
    block = _BLOCK.match(text[: MAX_CARD + 1])
    if block is None:
        return {}
    if len(block[1]) > _MAX_METADATA:
        raise CardError("the metadata is too large")
    try:
        value = plain(yaml.load(block[1], Loader=_Loader))  # noqa: S506  (a subclass of SafeLoader)
    except CardError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise CardError(f"invalid YAML: {error}") from error
    if value is not None and not isinstance(value, dict):
        raise CardError("the metadata must be a mapping")
    return value or {}
