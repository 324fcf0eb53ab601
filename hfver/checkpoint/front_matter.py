"""The YAML at the head of a model card, for the little that the folder says of its base."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hfver.checkpoint.files import shown
from hfver.checkpoint.values import BaseHint
from hfver.errors import BadCheckpoint

MAX_README = 2 * 1024 * 1024
"""Largest README in bytes."""

_MAX_FRONT = 256 * 1024
_FRONT = re.compile(r"\A(?:\ufeff)?---[ \t]*\r?\n(?P<yaml>.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)


def read_front_matter(text: str, path: Path) -> dict[str, Any]:
    """Parse the front matter of a card; empty when it has none.

    Raises:
        BadCheckpoint: It is broken YAML, too large, or uses aliases: a few bytes of them can mean gigabytes.
    """
    match = _FRONT.match(text)
    if not match:
        return {}
    if len(match["yaml"]) > _MAX_FRONT:
        raise BadCheckpoint(f"{shown(path)} has a front matter of more than {_MAX_FRONT} characters.")
    value = _load(match["yaml"], path)
    return value if isinstance(value, dict) else {}


def base_from_card(front: dict[str, Any]) -> BaseHint | None:
    """Read ``base_model`` and ``base_model_relation``; of several bases (a merge) the first."""
    value, relation = front.get("base_model"), front.get("base_model_relation")
    names = [name for name in (value if isinstance(value, list) else [value]) if isinstance(name, str) and name]
    if not names:
        return None
    if not isinstance(relation, str):
        relation = "merge" if len(names) > 1 else "finetune"
    return BaseHint(names[0], None, relation)


def base_from_adapter(config: dict[str, Any]) -> BaseHint | None:
    """Read PEFT's ``base_model_name_or_path`` and ``revision``, which PEFT saves as null."""
    name, revision = config.get("base_model_name_or_path"), config.get("revision")
    if not isinstance(name, str) or not name:
        return None
    return BaseHint(name, revision if isinstance(revision, str) and revision else None, "adapter")


def _load(text: str, path: Path) -> Any:
    import yaml  # 30 ms, and many folders have no card

    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise BadCheckpoint(f"The front matter of {shown(path)} uses YAML aliases; write the values out.")
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 2}" if mark else ""
        raise BadCheckpoint(f"The front matter of {shown(path)}{place} is broken YAML.") from None
