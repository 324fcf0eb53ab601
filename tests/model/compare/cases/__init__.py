"""For every rule: what triggers it, at which level, and near misses that must not."""

from __future__ import annotations

from tests.model.compare.cases import files, network, origin, tokenizer, usage
from tests.model.compare.cases.case import Case

__all__ = ["CASES", "Case"]

CASES = (*network.CASES, *tokenizer.CASES, *usage.CASES, *origin.CASES, *files.CASES)
