"""What to tell a user whose reference names no release: what is there instead, and how to get it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from hfver.core.ledger import Entry
from hfver.core.manifest import MANIFEST, Manifest
from hfver.core.ref import Latest, Ref, Stage
from hfver.core.shorten import shortened
from hfver.core.version import Range, Version
from hfver.errors import HubNotFound, Refused
from hfver.registry.release_checks import check_binding
from hfver.registry.state import RepoState

__all__ = ["raise_not_found"]

MAX_LISTED = 8
"""How many versions an error lists."""


def raise_not_found(state: RepoState, ref: Ref) -> NoReturn:
    """Raise the error for a reference that names no release.

    Raises:
        Refused: The version is pending: its tag exists, but its release was not finished.
        ReleaseReplayed: Its tag is on the commit of another version, or of another repo's release.
        HubNotFound: In any other case.
    """
    if isinstance(ref.spec, Stage):
        raise HubNotFound(
            f"{ref.repo} has no stage {ref.spec.name!r}.", f"List its releases: hfver versions {ref.repo}"
        )
    if isinstance(ref.spec, Version) and ref.spec in state.pending:
        _check_not_replayed(state, ref, ref.spec)
        raise Refused(
            f"{ref} is pending: its tag exists, but its release was not finished.",
            "Run the release command again, which completes pending releases. "
            f"If hfver did not create the tag, make it a release: hfver adopt {ref.repo}",
        )
    known = sorted((entry.version for entry in state.ledger.entries), reverse=True)
    if not known:
        raise HubNotFound(
            f"{ref.repo} has no hfver releases.",
            f"Make its version tags releases: hfver adopt {ref.repo}"
            if state.pending
            else f"Name a commit ({ref.repo}@<40 hex digits>), or publish a release: "
            f"hfver release DIR --repo {ref.repo}",
        )
    missing = "no stable release" if isinstance(ref.spec, Latest) else f"no release {ref.spec}"
    if yanked := _best_yanked(state, ref):
        raise HubNotFound(
            f"{ref.repo} has {missing} that is not yanked. {yanked.version} was yanked: {shortened(yanked.yanked)}",
            f"Ranges skip yanked releases. To use it anyway, name the version: {ref.repo}@{yanked.version}",
        )
    raise HubNotFound(f"{ref.repo} has {missing}.", f"Choose one of its releases: {_listed(known)}")


def _check_not_replayed(state: RepoState, ref: Ref, version: Version) -> None:
    """Check that a pending tag is not on the commit of a different release: no release command would complete it."""
    raw = state.repo.find(state.pending_commit(version), MANIFEST)
    if raw is not None:
        check_binding(Manifest.decode(raw, str(ref)), state.names, str(version), str(ref))


def _best_yanked(state: RepoState, ref: Ref) -> Entry | None:
    """Find the release that a range or ``latest`` would mean if it had not been yanked."""
    yanked = [entry for entry in state.ledger.entries if entry.yanked is not None]
    if isinstance(ref.spec, Range):
        best = ref.spec.best(entry.version for entry in yanked)
        return next((entry for entry in yanked if entry.version == best), None)
    stable = [entry for entry in yanked if not entry.version.prerelease]
    return max(stable, key=lambda entry: entry.version, default=None) if isinstance(ref.spec, Latest) else None


def _listed(versions: Iterable[Version]) -> str:
    names = [str(version) for version in versions]
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
