"""Witnesses: a small script for each MAJOR change that passes on the older side, fails on the newer, and says why."""

from hfver.model.compare.witness.find import find_witnesses, observe_both
from hfver.model.compare.witness.folder import write_witnesses

__all__ = ["find_witnesses", "observe_both", "write_witnesses"]
