"""Every rule, one file per family. A new rule is a new piece in a family's file; a new family a new line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from hfver.model.compare.rule import Rule
from hfver.model.compare.rules import (
    adapter,
    chat,
    config,
    embedding,
    files,
    licences,
    lineage,
    tensors,
    tokenizers,
    tokens,
    usage,
    weights,
)


class Family(Protocol):
    """A file of rules."""

    @property
    def RULES(self) -> tuple[Rule, ...]:  # noqa: N802 - a module's constant
        """Its rules, in the order of the table."""


FAMILIES: tuple[Family, ...] = (
    config,
    tensors,
    tokens,
    tokenizers,
    chat,
    usage,
    embedding,
    lineage,
    adapter,
    weights,
    licences,
    files,
)

RULES: Mapping[str, Rule] = {rule.id: rule for family in FAMILIES for rule in family.RULES}
"""Every rule by its id, in the order of the table."""
