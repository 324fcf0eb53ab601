"""All rules, one module per family. A new rule goes into its family's ``RULES``, a new family into ``FAMILIES``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from hfver.model.compare.rule import Rule
from hfver.model.compare.rules import (
    adapter,
    chat,
    config,
    diffusion,
    embedding,
    files,
    licenses,
    lineage,
    tensors,
    tokenizers,
    tokens,
    usage,
    weights,
)


class Family(Protocol):
    """A module of rules."""

    @property
    def RULES(self) -> tuple[Rule, ...]:  # noqa: N802 - a module's constant
        """Its rules, in the order of the table."""


# Files come last: their rules explain what no other rule has explained.
FAMILIES: tuple[Family, ...] = (
    diffusion,
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
    licenses,
    files,
)

RULES: Mapping[str, Rule] = {rule.id: rule for family in FAMILIES for rule in family.RULES}
"""Every rule by its id, in the order of the table."""
