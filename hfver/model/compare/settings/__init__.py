"""Where settings are read from: one file per kind of JSON file, each saying which rule answers for which key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from hfver.model.compare.keys import Setting, finding
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Check, Finding
from hfver.model.compare.settings import adapter, config, embedding, generation, processor, tokenizer

__all__ = ["SOURCES", "Source", "all_settings", "is_owned", "reports"]


class Source(Protocol):
    """A kind of JSON file that is compared setting by setting."""

    def owns(self, pair: Pair, path: str, /) -> bool:
        """Tell whether a file is of this kind: then what differs in it is found by value, or is no difference."""

    def settings(self, pair: Pair, /) -> Iterator[Setting]:
        """Yield every setting that differs, over all files of this kind."""


SOURCES: tuple[Source, ...] = (config, generation, tokenizer, adapter, processor, embedding)


def all_settings(pair: Pair) -> tuple[Setting, ...]:
    """Return every setting that differs, each with the rule that answers for it."""
    if "settings" not in pair.memo:
        pair.memo["settings"] = tuple(setting for source in SOURCES for setting in source.settings(pair))
    found: tuple[Setting, ...] = pair.memo["settings"]
    return found


def is_owned(pair: Pair, path: str) -> bool:
    """Tell whether a file was compared setting by setting."""
    return any(source.owns(pair, path) for source in SOURCES)


def reports(rule: str, consequence: str) -> Check:
    """Make the check of a rule that only names the settings it answers for."""

    def check(pair: Pair) -> Iterable[Finding]:
        return (finding(setting, consequence) for setting in all_settings(pair) if setting.rule == rule)

    return check
