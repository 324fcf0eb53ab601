"""Yank: withdraw a release from ranges without deleting it, or take that back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hfver.core.ledger import Entry, Ledger, Line
from hfver.core.ref import Commit, Ref
from hfver.core.results import Release
from hfver.core.version import Version
from hfver.errors import BadRef, HubNotFound, UsageError
from hfver.hub import Hub, Operation
from hfver.registry.append import Event, append
from hfver.registry.main_branch import Shown, show_on_main
from hfver.registry.resolve import choose, release_of
from hfver.registry.state import RepoState, TrustOptions, read_state
from hfver.releasing.publish import complete_pending

__all__ = ["yank"]

MAX_REASON = 500
"""Characters of a reason: it is shown in tables, warnings and cards."""


def yank(
    hub: Hub, ref: Ref, reason: str | None, trust: TrustOptions = TrustOptions(), *, undo: bool = False
) -> Release:
    """Append to the ledger that a release is withdrawn; ``main`` then shows the newest that is not.

    Ranges pass over a yanked release. An exact version, a commit or a lock still loads it, with a warning that
    carries the reason. The release need not verify: a broken one is what people want to withdraw.

    Args:
        hub: Where the release is.
        ref: Its exact version or commit.
        reason: Why, for everybody who meets it. Needed unless ``undo``.
        trust: What must hold for the repo to be believed.
        undo: Take back an earlier yank.

    Raises:
        UsageError: There is no reason, or the reference is a range.
        HubNotFound: There is no such release.
        Conflict: ``main`` never stood still.
    """
    why = _check_reason(reason, undo)
    state = complete_pending(read_state(hub.repo(ref.repo), trust))
    entry = _exactly(state, ref)
    changed = (entry.yanked is not None) == undo or (not undo and entry.yanked != why)
    done = append(state, lambda state: _event(state, _exactly(state, ref), why, undo))
    found = release_of(done.repo, _exactly(done, ref), None)
    return found if changed else replace(found, note="it was so already; nothing was written")


def _check_reason(reason: str | None, undo: bool) -> str | None:
    words = " ".join((reason or "").split())
    if not words and not undo:
        raise UsageError("A yank needs a reason.", 'Say why, for everybody who pinned it: --reason "…"')
    if len(words) > MAX_REASON:
        raise UsageError(f"The reason has {len(words)} characters; {MAX_REASON} are enough.", "Say it shorter.")
    return words or None


def _exactly(state: RepoState, ref: Ref) -> Entry:
    """Find the one release that a reference names."""
    if isinstance(ref.spec, Version):
        return choose(state, ref)
    if not isinstance(ref.spec, Commit):
        raise BadRef(f"{ref} may be another release tomorrow.", f"Name one version: {ref.repo}@1.2.0")
    entry = state.ledger.at_commit(ref.spec.sha)
    if entry is None:
        raise HubNotFound(f"{ref.repo} has no release {ref.spec}.", f"See its releases: hfver versions {ref.repo}")
    return entry


def _event(state: RepoState, entry: Entry, why: str | None, undo: bool) -> Event | None:
    """Make the event; None if it is in the ledger already."""
    if entry.yanked is None if undo else entry.yanked == why:
        return None
    line = Line(
        event="unyank" if undo else "yank",
        repo=state.ledger.lines[-1].repo,
        version=str(entry.version),
        reason=why,
        date=datetime.now(UTC).replace(microsecond=0),
        author=state.repo.hub.user,
    )
    verb = "Take back the yank of" if undo else "Yank"
    return Event([line], f"{verb} {entry.version}", why or "", _newest_on_main(state, state.ledger.append(line)))


def _newest_on_main(state: RepoState, after: Ledger) -> list[Operation]:
    """Let ``main`` show the newest release that stands; where none does, it keeps what it shows."""
    newest = after.newest() or state.ledger.newest()
    if newest is None:
        return []
    tree = state.repo.tree(newest.commit)
    return list(show_on_main(state, Shown(newest.commit, tree), after))
