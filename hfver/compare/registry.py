"""Every rule by its id, in the order of the table."""

from __future__ import annotations

from collections.abc import Mapping

from hfver.compare.rule import Rule
from hfver.compare.rules import FAMILIES

__all__ = ["RULES"]

RULES: Mapping[str, Rule] = {rule.id: rule for family in FAMILIES for rule in family.RULES}
