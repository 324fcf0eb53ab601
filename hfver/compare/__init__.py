"""Compare two checkpoints: what differs, and which bump that is for someone who pinned ``^``."""

from hfver.compare.tensors import Difference, compare_tensors

__all__ = ["Difference", "compare_tensors"]
