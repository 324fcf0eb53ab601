"""Yank: withdraw a release from version ranges without deleting it, or undo that."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hfver.core.ledger import Entry, Ledger, Line
from hfver.core.ref import Commit, Ref
from hfver.core.results import Release
from hfver.core.version import Version
from hfver.errors import BadRef, HubNotFound, UsageError
from hfver.hub import Hub, Operation
from hfver.registry.append import LedgerUpdate, append
from hfver.registry.main_branch import CommittedRelease, main_operations
from hfver.registry.resolve import caught_up, choose_entry, release_of
from hfver.registry.state import RepoState, TrustOptions, read_state
from hfver.releasing.publish import complete_pending

__all__ = ["yank"]

MAX_REASON = 500
"""Maximum length of a reason in characters: reasons are shown in tables, warnings and cards."""


def yank(
    hub: Hub, ref: Ref, reason: str | None, trust: TrustOptions = TrustOptions(), *, undo: bool = False
) -> Release:
    """Record in the ledger that a release is withdrawn; ``main`` then shows the newest release that is not yanked.

    Ranges skip a yanked release. An exact version, a commit or a lock still loads it, with a warning that shows the
    reason. The release does not have to pass verification, since broken releases are the ones to withdraw.

    Args:
        hub: The Hub that has the release.
        ref: Its exact version or commit.
        reason: Why it is withdrawn, for everybody who uses it. Required unless ``undo``.
        trust: What must hold for the repo to be trusted.
        undo: Undo an earlier yank.

    Raises:
        UsageError: The reason is missing or too long.
        BadRef: The reference is a range, so it may mean another release later.
        HubNotFound: There is no such release.
        Conflict: Other writers kept changing ``main``.
    """
    text = _check_reason(reason, undo)
    state = complete_pending(caught_up(read_state(hub.repo(ref.repo), trust), ref))
    entry = _find_exact(state, ref)
    changed = (entry.yanked is not None) == undo or (not undo and entry.yanked != text)
    after = append(state, lambda state: _update(state, _find_exact(state, ref), text, undo))
    release = release_of(after.repo, _find_exact(after, ref), None)
    unchanged = "not yanked; nothing was written" if undo else "yanked already; nothing was written"
    return release if changed else replace(release, note=unchanged)


def _check_reason(reason: str | None, undo: bool) -> str | None:
    text = " ".join((reason or "").split())
    if not text and not undo:
        raise UsageError("A yank needs a reason.", 'Tell the users who pinned the release why: --reason "…"')
    if len(text) > MAX_REASON:
        raise UsageError(f"The reason has {len(text)} characters; the limit is {MAX_REASON}.", "Shorten the reason.")
    return text or None


def _find_exact(state: RepoState, ref: Ref) -> Entry:
    """Find the one release that a reference names."""
    if isinstance(ref.spec, Version):
        return choose_entry(state, ref)
    if not isinstance(ref.spec, Commit):
        raise BadRef(
            f"{ref} may mean a different release tomorrow.", f"Name an exact version, such as {ref.repo}@1.2.0."
        )
    entry = state.ledger.at_commit(ref.spec.sha)
    if entry is None:
        raise HubNotFound(f"{ref.repo} has no release {ref.spec}.", f"List its releases: hfver versions {ref.repo}")
    return entry


def _update(state: RepoState, entry: Entry, reason: str | None, undo: bool) -> LedgerUpdate | None:
    """Return the ledger line and what it changes on ``main``; None if the ledger says so already."""
    if entry.yanked is None if undo else entry.yanked == reason:
        return None
    line = Line(
        event="unyank" if undo else "yank",
        repo=state.ledger.name or state.repo.name,
        version=str(entry.version),
        reason=reason,
        date=datetime.now(UTC).replace(microsecond=0),
        author=state.repo.hub.user,
    )
    verb = "Undo the yank of" if undo else "Yank"
    ledger = state.ledger.append(line)
    return LedgerUpdate([line], f"{verb} {entry.version}", reason or "", _show_newest(state, ledger))


def _show_newest(state: RepoState, after: Ledger) -> list[Operation]:
    """Make ``main`` show the newest release that is not yanked; if all are yanked, it keeps the one it shows."""
    newest = after.newest() or state.ledger.newest()
    if newest is None:
        return []
    tree = state.repo.tree(newest.commit)
    return list(main_operations(state, CommittedRelease(newest.commit, tree), after))
