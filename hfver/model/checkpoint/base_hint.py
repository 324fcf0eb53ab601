"""What a folder says about the model that it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hfver.model.checkpoint.checkpoint import BaseHint


def base_from_card(front: Mapping[str, Any]) -> BaseHint | None:
    """Read ``base_model`` and ``base_model_relation`` of a card; of several bases (a merge) the first."""
    value, relation = front.get("base_model"), front.get("base_model_relation")
    listed = value if isinstance(value, list) else [value]
    names = [name for name in listed if isinstance(name, str) and name]
    if not names:
        return None
    if not isinstance(relation, str):
        relation = "merge" if len(names) > 1 else "finetune"
    return BaseHint(names[0], None, relation)


def base_from_adapter(config: Mapping[str, Any]) -> BaseHint | None:
    """Read ``base_model_name_or_path`` and ``revision`` of PEFT's config, which PEFT saves as null."""
    name, revision = config.get("base_model_name_or_path"), config.get("revision")
    if not isinstance(name, str) or not name:
        return None
    return BaseHint(name, revision if isinstance(revision, str) and revision else None, "adapter")
