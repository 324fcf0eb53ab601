"""Compare two described checkpoints: what differs, and which bump that is for someone who pinned ``^``."""

from hfver.compare.comparing import compare
from hfver.compare.reading import side_of_checkpoint, wanted_text
from hfver.compare.registry import RULES
from hfver.compare.values import Change, Difference, Side, WeightsMoved

__all__ = [
    "RULES",
    "Change",
    "Difference",
    "Side",
    "WeightsMoved",
    "compare",
    "side_of_checkpoint",
    "wanted_text",
]
