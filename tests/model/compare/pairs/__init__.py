"""Pairs of checkpoints as people publish them, made by real libraries, each with the level that the contract gives."""

from __future__ import annotations

from tests.model.compare.pairs import (
    configs,
    diffusion,
    first_templates,
    generation,
    processors,
    saved_again,
    templates,
)
from tests.model.compare.pairs.made import MadePair

__all__ = ["PAIRS", "MadePair"]

PAIRS: tuple[MadePair, ...] = (
    *configs.PAIRS,
    *diffusion.PAIRS,
    *first_templates.PAIRS,
    *generation.PAIRS,
    *processors.PAIRS,
    *templates.PAIRS,
    *saved_again.PAIRS,
)
