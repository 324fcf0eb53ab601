"""A rule: an id, a level, texts for people, and the functions that find its changes in a pair of checkpoints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from hfver.core.version import Bump
from hfver.model.compare.json_values import ABSENT
from hfver.model.compare.pair import Pair

__all__ = ["Detector", "FileExplainer", "Rule", "RuleMatch"]


@dataclass(frozen=True)
class RuleMatch:
    """What a rule found. Together with the rule's id and level it becomes a ``Change``.

    Attributes:
        where: The file, followed by a colon and the setting or tensor, where there is one.
        message: One or two sentences that say what it means to a consumer.
        before: The value before.
        after: The value after.
        level: Replaces the rule's own level; None keeps that.
        files: Further files whose difference this match explains, besides the one that ``where`` names.
        note: What could not be determined, where the higher level was taken because of doubt.
    """

    where: str
    message: str
    before: Any = ABSENT
    after: Any = ABSENT
    level: Bump | None = None
    files: tuple[str, ...] = ()
    note: str = ""

    @property
    def explained_files(self) -> tuple[str, ...]:
        """Every file whose difference this match explains."""
        return (self.where.partition(":")[0], *self.files)


class Detector(Protocol):
    """A function that finds every change of one kind."""

    def __call__(self, pair: Pair, /) -> Iterable[RuleMatch]:
        """Yield what it finds."""


class FileExplainer(Protocol):
    """A function that explains a file that differs and that no detector has explained."""

    def __call__(self, pair: Pair, path: str, /) -> RuleMatch | None:
        """Return what the difference of the file means; None if another rule has to say."""


@dataclass(eq=False, slots=True)
class Rule:
    """One rule: its row in ``docs/versioning.md``, and the functions that find its changes.

    A rule has behavior. It is compared by identity and is deliberately not one of the frozen values that are passed
    from step to step.

    Attributes:
        id: Its name, in JSON and in a repo's own levels.
        level: The level of such a change, unless the match says otherwise.
        change: The change, in a few words.
        breaks: Who breaks.
        seen: Where the change is detected.
        example: Two sentences: what changed, and what then happens to whom.
        levels: When a match has a level other than the rule's own; empty if never.
        declare: How to declare or avoid the change; empty if there is nothing special to say.
        detect: Finds the changes; None for a rule that only explains files, or whose changes are found elsewhere.
        explain: Explains a file that no detector has explained; None if the rule never does.
    """

    id: str
    level: Bump
    change: str
    breaks: str
    seen: str
    example: tuple[str, str]
    levels: str = ""
    declare: str = ""
    detect: Detector | None = None
    explain: FileExplainer | None = None
