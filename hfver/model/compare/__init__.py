"""Compare two checkpoints or releases: what differs, and which bump that is for someone who pinned ``^``."""

from hfver.model.compare.compare import compare
from hfver.model.compare.compared_files import needs_content
from hfver.model.compare.description import (
    Described,
    compare_described,
    describe_checkpoint,
    describe_folder,
    read_sides,
)
from hfver.model.compare.difference import (
    Change,
    ChangedWeights,
    Consumer,
    ConsumerAnswer,
    Difference,
    Side,
    Verdict,
    Witness,
)
from hfver.model.compare.rules import RULES

__all__ = [
    "RULES",
    "Change",
    "ChangedWeights",
    "Consumer",
    "ConsumerAnswer",
    "Described",
    "Difference",
    "Side",
    "Verdict",
    "Witness",
    "compare",
    "compare_described",
    "describe_checkpoint",
    "describe_folder",
    "needs_content",
    "read_sides",
]
