"""What a rule is: an id, a level, words for people, and a function that finds changes in a pair of checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from hfver.core.version import Bump
from hfver.model.compare.json_values import ABSENT
from hfver.model.compare.pair import Pair

__all__ = ["Check", "Finding", "Rule", "Sweep", "rule"]


@dataclass(frozen=True)
class Finding:
    """What a rule found; the rule's id and level make it a change.

    Attributes:
        where: The file, and after a colon the setting or tensor.
        message: One sentence that says what it means to a consumer.
        before: The value before.
        after: The value after.
        level: Another level than the rule's own.
        files: The files whose difference it explains, beside the one that ``where`` names.
        note: What was not known, where the higher level was taken in doubt.
    """

    where: str
    message: str
    before: Any = ABSENT
    after: Any = ABSENT
    level: Bump | None = None
    files: tuple[str, ...] = ()
    note: str = ""

    @property
    def explains(self) -> tuple[str, ...]:
        """Every file whose difference this change explains."""
        return (self.where.partition(":")[0], *self.files)


class Check(Protocol):
    """Finds every change of one kind."""

    def __call__(self, pair: Pair, /) -> Iterable[Finding]:
        """Yield what is found."""


class Sweep(Protocol):
    """Explains a file that differs and that no check explained; None if it cannot."""

    def __call__(self, pair: Pair, path: str, /) -> Finding | None:
        """Return what the difference of the file means."""


@dataclass(frozen=True)
class Rule:
    """One row of the table.

    Attributes:
        id: Its name, in JSON and in a repo's own levels.
        level: What such a change asks for, unless the finding says otherwise.
        change: The change, in a few words.
        breaks: Who breaks.
        seen: What it is seen by.
        example: Two lines: what changed, and what then happens to whom.
        levels: When it has another level than its own; empty when never.
        declare: How to declare or avoid the change; empty when there is nothing special to say.
        check: What finds the changes; None for a rule that only sweeps, or that others find.
        sweep: What explains a file that no check did.
    """

    id: str
    level: Bump
    change: str
    breaks: str
    seen: str
    example: tuple[str, str]
    levels: str = ""
    declare: str = ""
    check: Check | None = None
    sweep: Sweep | None = None


def rule(
    identity: str,
    level: Bump,
    *,
    change: str,
    breaks: str,
    seen: str,
    example: tuple[str, str],
    levels: str = "",
    declare: str = "",
) -> Callable[[Check], Rule]:
    """Make a rule of the function that finds its changes."""
    row = Rule(identity, level, change, breaks, seen, example, levels, declare)
    return lambda check: replace(row, check=check)
