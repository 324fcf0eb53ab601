"""What a folder says about the model that it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hfver.model.checkpoint.checkpoint import BaseHint
from hfver.model.checkpoint.portable import from_cache_path


def prefer_exact(card: BaseHint | None, loaded_from: BaseHint | None) -> BaseHint | None:
    """Choose between the base on the card and the release that ``hfver.load`` noted.

    The card is what the author says, so it wins; where both name the same repo, the note has the commit.
    """
    if card is None or loaded_from is None:
        return card or loaded_from
    same = card.name.casefold() == loaded_from.name.casefold()
    return BaseHint(loaded_from.name, loaded_from.revision, card.relation) if same and not card.revision else card


def base_from_card(front: Mapping[str, Any]) -> BaseHint | None:
    """Read ``base_model`` and ``base_model_relation`` of a card; of several bases (a merge) the first."""
    value, relation = front.get("base_model"), front.get("base_model_relation")
    listed = value if isinstance(value, list) else [value]
    names = [name for name in listed if isinstance(name, str) and name]
    if not names:
        return None
    if not isinstance(relation, str):
        relation = "merge" if len(names) > 1 else "finetune"
    name, revision = from_cache_path(names[0]) or (names[0], None)
    return BaseHint(name, revision, relation)


def base_from_adapter(config: Mapping[str, Any]) -> BaseHint | None:
    """Read ``base_model_name_or_path`` and ``revision`` of PEFT's config, which PEFT saves as null."""
    name, revision = config.get("base_model_name_or_path"), config.get("revision")
    if not isinstance(name, str) or not name:
        return None
    return BaseHint(name, revision if isinstance(revision, str) and revision else None, "adapter")
