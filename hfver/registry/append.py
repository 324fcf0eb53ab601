"""Appending lines to the ledger by a compare-and-swap of ``main``.

Every change of a repo's state is such a commit, so the history of ``main`` is the audit log.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hfver.core.ledger import Ledger, Line
from hfver.core.manifest import LEDGER
from hfver.errors import Conflict, Refused, VerificationError
from hfver.hub import AddFile, Operation, ParentMoved
from hfver.registry.state import RepoState, read_state

__all__ = ["LedgerUpdate", "append"]

ATTEMPTS = 25
"""How often a commit to ``main`` is attempted while other writers move it."""


@dataclass(frozen=True)
class LedgerUpdate:
    """Lines to append to the ledger, and what else their commit changes on ``main``.

    Attributes:
        lines: The lines, in order; their ``before`` is filled in.
        summary: The title of the commit.
        description: The description of the commit.
        operations: The other changes on ``main``.
    """

    lines: Sequence[Line]
    summary: str
    description: str = ""
    operations: Sequence[Operation] = ()


def append(state: RepoState, decide: Callable[[RepoState], LedgerUpdate | None]) -> RepoState:
    """Append lines to the ledger, even if others write to ``main`` at the same time.

    Args:
        state: The state of the repo.
        decide: Returns what to append to a given state; None if nothing is left to do. It is called again with the new
            state whenever ``main`` moved, because another writer may have changed what is right to append. It may also
            have been moved by the first attempt, if the answer to that was lost.

    Returns:
        The state afterwards.

    Raises:
        Conflict: Other writers moved ``main`` before every attempt.
        Refused: Readers would refuse the ledger with these lines, or a line has a former name of the repo.
    """
    for attempt in range(ATTEMPTS):
        update = decide(state)
        if update is None:
            return state
        try:
            return _commit(state, update)
        except ParentMoved:
            # Random and growing pauses, so that writers that collided once do not collide again.
            time.sleep(random.uniform(0, 0.05 * (attempt + 1)))  # noqa: S311 - spreads writers, guards nothing
            state = _read_moved(state)
    raise Conflict(
        f"{state.repo}: other writers changed main {ATTEMPTS} times, so nothing was appended to its ledger.",
        "Run the same command again: it finishes what is left to do.",
    )


def _read_moved(before: RepoState) -> RepoState:
    """Read the state after ``main`` moved: refs from a cache may still show the head that it moved from."""
    for pause in before.repo.lag_pauses(written=True):
        state = read_state(before.repo, before.trust)
        if state.refs.main != before.refs.main:
            return state
        time.sleep(pause)
    return read_state(before.repo, before.trust)


def _commit(state: RepoState, update: LedgerUpdate) -> RepoState:
    ledger = state.ledger
    for line in update.lines:
        _check_name(state, ledger, line)
        ledger = ledger.append(line)
    _check_readable(state, ledger)
    # The Hub refuses the commit if main is not at this parent: that is the compare-and-swap.
    head = state.repo.commit(
        "main",
        [AddFile(LEDGER, ledger.raw), *update.operations],
        summary=update.summary,
        description=update.description,
        parent=state.refs.main,
    )
    # The state is known without reading it again: nobody else can have changed it in this commit.
    state.repo.memory.remember_ledger(head, ledger.raw)
    refs = replace(state.refs, branches={**state.refs.branches, "main": head})
    return replace(state, refs=refs, ledger=ledger)


def _check_name(state: RepoState, ledger: Ledger, line: Line) -> None:
    name = ledger.name
    if line.event != "rename" and name is not None and line.repo.lower() != name.lower():
        raise Refused(
            f"{state.repo}: its ledger says that it is called {name} now, and the line to append is about {line.repo}. "
            "Nothing was appended.",
            f"Run the command again for {name}. "
            f"If the Hub calls it {line.repo}: hfver adopt {line.repo} --renamed-from {name}",
        )


def _check_readable(state: RepoState, ledger: Ledger) -> None:
    """Decode what is about to be committed as every reader will: a ledger with a bad line can never be repaired."""
    try:
        Ledger.decode(ledger.raw, state.repo.name, state.trust.mirror_of)
    except VerificationError as error:
        raise Refused(f"Nothing was appended, because no reader would accept it: {error.message}", error.hint) from None
