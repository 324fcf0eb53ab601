"""Compare two described checkpoints: what differs, and which bump that is for someone who pinned ``^``."""

from hfver.model.compare.compare import compare
from hfver.model.compare.difference import Change, Difference, Side, WeightsMoved
from hfver.model.compare.rules import RULES
from hfver.model.compare.sides import side_of_checkpoint, wanted_text

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
