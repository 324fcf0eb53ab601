"""Files that are compared setting by setting: one module per format, which says which rule handles which key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from hfver.model.compare.keys import ChangedSetting, match_setting
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Detector, RuleMatch
from hfver.model.compare.settings import adapter, config, diffusion, embedding, generation, processor, tokenizer

__all__ = ["FORMATS", "SettingsFormat", "all_settings", "is_compared_by_setting", "report_settings"]


class SettingsFormat(Protocol):
    """A kind of JSON file that is compared setting by setting."""

    def owns(self, pair: Pair, path: str, /) -> bool:
        """Return whether a file has this format. Then a difference in it is a changed setting, or no change at all."""

    def settings(self, pair: Pair, /) -> Iterator[ChangedSetting]:
        """Yield every setting that differs, in all files of this format."""


FORMATS: tuple[SettingsFormat, ...] = (config, generation, tokenizer, adapter, processor, embedding, diffusion)


def all_settings(pair: Pair) -> tuple[ChangedSetting, ...]:
    """Return every setting that differs, each with the rule that is responsible for it."""
    return pair.once(_find_settings)


def _find_settings(pair: Pair) -> tuple[ChangedSetting, ...]:
    # Formats decide which rule is responsible, so that no setting is reported by two rules or by none.
    return tuple(setting for fmt in FORMATS for setting in fmt.settings(pair))


def is_compared_by_setting(pair: Pair, path: str) -> bool:
    """Return whether a file was compared setting by setting."""
    return any(fmt.owns(pair, path) for fmt in FORMATS)


def report_settings(rule: str, consequence: str) -> Detector:
    """Return a detector for a rule that only reports the settings it is responsible for.

    Args:
        rule: Its id.
        consequence: What a change means to a consumer: the second half of a sentence, with its period.
    """

    def detect(pair: Pair) -> Iterable[RuleMatch]:
        return (match_setting(setting, consequence) for setting in all_settings(pair) if setting.rule == rule)

    return detect
