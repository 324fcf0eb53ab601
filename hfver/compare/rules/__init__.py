"""Every rule, one file per family. A new rule is a new piece in a family's file; a new family a new line here."""

from __future__ import annotations

from typing import Protocol

from hfver.compare.rule import Rule
from hfver.compare.rules import (
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
