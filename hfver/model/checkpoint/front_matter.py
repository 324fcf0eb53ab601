"""The YAML at the head of a model card, for the little that the folder says of its base."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.checkpoint import BaseHint
from hfver.model.checkpoint.untrusted_files import shown

_MAX_FRONT = 512 * 1024
_MAX_DEPTH = 32
_NULLS = ("", "null", "Null", "NULL", "~")
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
    listed = value if isinstance(value, list) else [value]
    names = [name for name in listed if isinstance(name, str) and name not in _NULLS]
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

    # Scalars stay strings, so that no number or date of the author's can be costly or wrong.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        _check_events(yaml.parse(text, Loader=loader))
        return yaml.load(text, Loader=loader)  # noqa: S506 - builds nothing but strings, lists and dicts
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 2}" if mark else ""
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise BadCheckpoint(
            f"The front matter of {shown(path)}{place} is broken YAML: {shown(str(reason)[:200])}."
        ) from None


def _check_events(events: Iterable[Any]) -> None:
    """Stop at the first alias, and where nesting makes the parser slow (its time grows with the square)."""
    depth = 0
    for event in events:
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        if kind == "AliasEvent":
            raise ValueError("it uses an alias; write the value out")
        if depth > _MAX_DEPTH:
            raise ValueError("it is nested too deeply")
