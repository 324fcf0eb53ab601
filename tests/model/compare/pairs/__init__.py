"""Pairs of checkpoints as people publish them, made by real libraries, each with the level that the contract gives."""

from __future__ import annotations

from tests.model.compare.pairs import (
    adapters,
    configs,
    diffusion,
    embeddings,
    first_templates,
    generation,
    processors,
    saved_again,
    speech,
    templates,
    vision,
)
from tests.model.compare.pairs.made import MadePair

__all__ = ["PAIRS", "MadePair"]

PAIRS: tuple[MadePair, ...] = (
    *adapters.PAIRS,
    *configs.PAIRS,
    *diffusion.PAIRS,
    *embeddings.PAIRS,
    *first_templates.PAIRS,
    *generation.PAIRS,
    *processors.PAIRS,
    *speech.PAIRS,
    *templates.PAIRS,
    *vision.PAIRS,
    *saved_again.PAIRS,
)
