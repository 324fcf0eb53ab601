"""Append: an event becomes the last line of the ledger, by compare-and-swap of ``main``.

Every change of a repo's state goes through here, so the history of ``main`` is the audit log.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hfver.core.ledger import Line
from hfver.core.manifest import LEDGER
from hfver.errors import Conflict
from hfver.hub import Operation, Put, Stale
from hfver.registry.state import RepoState, read_state

__all__ = ["Event", "append"]

ATTEMPTS = 25
"""How often a change of ``main`` is tried again when somebody else was first."""


@dataclass(frozen=True)
class Event:
    """What happened, and what it changes on ``main``.

    Attributes:
        lines: The lines to append, in order; their ``before`` is filled in.
        summary: The commit's title.
        description: The commit's message.
        operations: What else changes on ``main``.
    """

    lines: Sequence[Line]
    summary: str
    description: str = ""
    operations: Sequence[Operation] = ()


def append(state: RepoState, decide: Callable[[RepoState], Event | None]) -> RepoState:
    """Append an event to the ledger, whoever else writes to ``main`` meanwhile.

    Args:
        state: What the repo says now.
        decide: Makes the event from what the repo says. Asked anew whenever ``main`` moved, which may be this very
            event, whose answer was lost: None says that nothing is left to do.

    Returns:
        What the repo says afterwards.

    Raises:
        Conflict: ``main`` never stood still.
    """
    for attempt in range(ATTEMPTS):
        event = decide(state)
        if event is None:
            return state
        try:
            return _commit(state, event)
        except Stale:
            time.sleep(random.uniform(0, 0.05 * (attempt + 1)))  # noqa: S311 - spreads writers, guards nothing
            state = read_state(state.repo, state.trust)
    raise Conflict(
        f"{state.repo}: main changed {ATTEMPTS} times while a line was to be appended to its ledger.",
        "Run the same command again: it finishes what is left to do.",
    )


def _commit(state: RepoState, event: Event) -> RepoState:
    ledger = state.ledger
    for line in event.lines:
        ledger = ledger.append(line)
    head = state.repo.commit(
        "main",
        [Put(LEDGER, ledger.raw), *event.operations],
        summary=event.summary,
        description=event.description,
        parent=state.refs.main,
    )
    state.repo.memory.remember_ledger(head, ledger.raw)
    refs = replace(state.refs, branches={**state.refs.branches, "main": head})
    return replace(state, refs=refs, ledger=ledger)
