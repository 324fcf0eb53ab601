"""What the kinds of consumers share: the two sides, and the answer to one change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from hfver.model.compare import Change, Side, Verdict
from hfver.model.compare.pair import Pair

__all__ = ["TOKENIZER_RULES", "Answer", "Compared", "Judge", "breaks", "for_everyone", "safe", "unknown"]

Answer = tuple[Verdict, str]
Judge = Callable[[Change], Answer]

TOKENIZER_RULES: Final = frozenset({"token-ids", "tokens-appended", "tokenizer-class", "special-ids", "vocab-size"})
"""The rules on what decides how text becomes ids."""
_HARMLESS = frozenset({"docs", "rewritten", "metadata", "resharded", "chat-template-moved", "license-relaxed"})


def breaks(why: str) -> Answer:
    """Return that the change breaks the consumer."""
    return "breaks", why


def safe(why: str) -> Answer:
    """Return that the change does not break the consumer."""
    return "does not", why


def unknown(why: str) -> Answer:
    """Return that nobody can tell from the files alone."""
    return "cannot tell", why


def for_everyone(change: Change) -> Answer | None:
    """Judge changes that mean the same to every program; None for all others."""
    if change.rule in _HARMLESS:
        return safe("No program behaves differently.")
    if change.rule == "license":
        return unknown("Whether the new license allows this use is for a person to decide.")
    return None


@dataclass(frozen=True)
class Compared:
    """The two sides, and the versions that they are.

    Attributes:
        before: The older side.
        after: The newer side.
        newer: Repo and version of the newer side; None for a folder or a commit that is no version.
        older: Likewise of the older side.
    """

    before: Side
    after: Side
    older: tuple[str, str] | None = None
    newer: tuple[str, str] | None = None

    @cached_property
    def pair(self) -> Pair:
        """Both sides, parsed."""
        return Pair(self.before, self.after)

    def config(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return config.json on both sides; empty where there is none."""
        return self.pair.before.object("config.json"), self.pair.after.object("config.json")
