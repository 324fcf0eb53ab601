from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from huggingface_hub import ModelCard

from hfver.model.card import CardFacts
from hfver.model.lineage.record import Lineage

from .gallery import full_model, prose

Make = Callable[..., CardFacts]


def metadata_of(card: str) -> dict[str, Any]:
    """Read a card's metadata with huggingface_hub, which is strict about it."""
    data: Any = ModelCard(card, ignore_metadata_errors=False).data
    return dict(data.to_dict())


@pytest.fixture
def make() -> Make:
    """Make the facts of a full model with another README, another lineage, or other fields."""

    def _make(readme: str | None = None, *, lineage: dict[str, object] | None = None, **fields: object) -> CardFacts:
        facts = full_model()
        checkpoint = dataclasses.replace(facts.checkpoint, content=prose(readme))
        facts = dataclasses.replace(facts, checkpoint=checkpoint)
        if lineage is not None:
            facts = dataclasses.replace(facts, lineage=Lineage.model_validate(lineage))
        return dataclasses.replace(facts, **fields)  # type: ignore[arg-type]

    return _make
