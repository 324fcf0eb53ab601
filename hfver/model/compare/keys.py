"""Settings of JSON files that differ: by value and not by spelling, each with the rule that answers for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hfver.model.compare.json_values import ABSENT, brief, flatten, same, shown
from hfver.model.compare.rule import Finding

__all__ = ["UNKNOWN", "Setting", "Table", "differing", "finding"]

UNKNOWN = "unknown-setting"
"""The rule that answers for what no other rule knows."""


@dataclass(frozen=True)
class Setting:
    """One setting that differs; ``rule`` answers for it."""

    path: str
    key: str
    before: Any
    after: Any
    rule: str

    @property
    def where(self) -> str:
        """File and setting, as a change names it."""
        return f"{self.path}:{shown(self.key, 240)}"

    @property
    def name(self) -> str:
        """The key without the objects around it."""
        return self.key.rpartition(".")[2]

    @property
    def step(self) -> str:
        """From what to what, in words."""
        if self.before is ABSENT:
            return f"{self.key} is now {_word(self.after)}"
        if self.after is ABSENT:
            return f"{self.key} was {_word(self.before)} and is gone"
        return f"{self.key} went from {_word(self.before)} to {_word(self.after)}"


def _word(value: Any) -> str:
    return shown(str(brief(value)), 80)


@dataclass(frozen=True)
class Table:
    """Which rule answers for which key: the first pattern that fits the last part of the key or the whole key."""

    rows: tuple[tuple[str, re.Pattern[str]], ...]
    other: str = UNKNOWN

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str]], other: str = UNKNOWN) -> Table:
        """Compile rows of (rule id, pattern)."""
        return cls(tuple((rule, re.compile(pattern)) for rule, pattern in rows), other)

    def rule_of(self, key: str) -> str:
        """Name the rule that answers for a key."""
        name = key.rpartition(".")[2]
        for rule, pattern in self.rows:
            if pattern.fullmatch(name) or pattern.fullmatch(key):
                return rule
        return self.other


def differing(path: str, before: Mapping[str, Any], after: Mapping[str, Any], table: Table) -> Iterator[Setting]:
    """Yield every setting of two objects that does not mean the same, sorted by key."""
    old, new = dict(flatten(before)), dict(flatten(after))
    for key in sorted(old.keys() | new.keys()):
        one, other = old.get(key, ABSENT), new.get(key, ABSENT)
        if not same(one, other):
            yield Setting(path, key, one, other, table.rule_of(key))


def finding(setting: Setting, consequence: str) -> Finding:
    """Report a setting, with what it means to a consumer."""
    message = f"{shown(setting.step, 400)}: {consequence}"
    return Finding(setting.where, message, brief(setting.before), brief(setting.after))
