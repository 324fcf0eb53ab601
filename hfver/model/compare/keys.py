"""Settings of JSON files that differ in value, not only in spelling, each with the rule that is responsible for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hfver.model.compare.json_values import ABSENT, brief, flatten, printable, same_value
from hfver.model.compare.rule import RuleMatch

__all__ = ["UNKNOWN", "ChangedSetting", "KeyRules", "changed_settings", "match_setting"]

UNKNOWN = "unknown-setting"
"""The rule that is responsible for settings that no other rule knows."""


@dataclass(frozen=True)
class ChangedSetting:
    """One setting that differs.

    Attributes:
        path: The JSON file.
        key: The dotted path of the setting within the file.
        before: The value before; ``ABSENT`` if it was not there.
        after: The value after; ``ABSENT`` if it is no longer there.
        rule: Id of the responsible rule.
    """

    path: str
    key: str
    before: Any
    after: Any
    rule: str

    @property
    def where(self) -> str:
        """File and setting, as a change names it."""
        return f"{self.path}:{printable(self.key, 240)}"

    @property
    def name(self) -> str:
        """The key without the objects around it."""
        return self.key.rpartition(".")[2]

    @property
    def transition(self) -> str:
        """What happened to the setting, as the first half of a sentence."""
        if self.before is ABSENT:
            return f"{self.key} was added ({_quoted(self.after)})"
        if self.after is ABSENT:
            return f"{self.key} was removed (it was {_quoted(self.before)})"
        return f"{self.key} changed from {_quoted(self.before)} to {_quoted(self.after)}"


def _quoted(value: Any) -> str:
    """Write a value as the JSON file does, but words without quotation marks."""
    value = brief(value)
    plain = isinstance(value, str) and value != ""
    return printable(value if plain else json.dumps(value, ensure_ascii=False, default=str), 80)


@dataclass(frozen=True)
class KeyRules:
    """Which rule is responsible for which key.

    Attributes:
        rows: Rule ids with patterns; the first pattern that matches the last part of the key or the whole key wins.
        default: The rule for keys that no pattern matches.
    """

    rows: tuple[tuple[str, re.Pattern[str]], ...]
    default: str = UNKNOWN

    @classmethod
    def compile(cls, rows: Iterable[tuple[str, str]], default: str = UNKNOWN) -> KeyRules:
        """Compile rows of (rule id, pattern)."""
        return cls(tuple((rule, re.compile(pattern)) for rule, pattern in rows), default)

    def rule_of(self, key: str) -> str:
        """Return the id of the rule that is responsible for a key."""
        # Nested configs (text_config.hidden_size) follow the same rules as the root.
        name = key.rpartition(".")[2]
        for rule, pattern in self.rows:
            if pattern.fullmatch(name) or pattern.fullmatch(key):
                return rule
        return self.default


def changed_settings(
    path: str, before: Mapping[str, Any], after: Mapping[str, Any], rules: KeyRules
) -> Iterator[ChangedSetting]:
    """Yield every setting of two objects whose value differs, sorted by key."""
    old, new = dict(flatten(before)), dict(flatten(after))
    for key in sorted(old.keys() | new.keys()):
        one, other = old.get(key, ABSENT), new.get(key, ABSENT)
        if not same_value(one, other):
            yield ChangedSetting(path, key, one, other, rules.rule_of(key))


def match_setting(setting: ChangedSetting, consequence: str) -> RuleMatch:
    """Report a changed setting.

    Args:
        setting: What changed.
        consequence: What that means to a consumer: the second half of the sentence, with its period.
    """
    # Keys and values come from untrusted files: they must not fill a changelog or control a terminal.
    message = f"{printable(setting.transition, 400)}: {consequence}"
    return RuleMatch(setting.where, message, brief(setting.before), brief(setting.after))
