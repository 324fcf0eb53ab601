"""Outdated: how what is locked stands against what its repos have now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hfver.core.ledger import Entry
from hfver.core.lockfile import Package, read_lock
from hfver.core.lockfile.results import Outdated, Standing
from hfver.core.version import Version, bump_between, parse_version
from hfver.errors import HubNotFound, Refused
from hfver.hub import Hub
from hfver.locking.lock import newest_for
from hfver.locking.requirements import Asked, Wish, gather
from hfver.registry.resolve_locked import trust_for
from hfver.registry.state import RepoState, TrustOptions, read_state

__all__ = ["outdated"]


def outdated(hub: Hub, path: Path, asked: Asked) -> Outdated:
    """Compare every locked version with the newest that its spec allows, and with the newest at all.

    Raises:
        BadConfig: The lock is missing or broken.
        Refused: All that it holds is on other Hubs.
        HubError: A repo is gone, or there is no answer.
        VerificationError: A ledger does not hold what the lock saw.
    """
    lock = read_lock(path)
    trust = TrustOptions(lock=lock)
    wishes = gather(replace(asked, refs=(), remove=(), allow_code=False), lock, hub.identity)
    rows = (
        _stand(read_state(hub.repo(wish.repo), trust_for(wish.package, trust)), wish) for wish in wishes if wish.package
    )
    packages = tuple(rows)
    if not packages and lock.direct:
        raise _elsewhere(lock.direct[0])
    return Outdated(path, packages)


def _elsewhere(package: Package) -> Refused:
    """Say that nothing was compared: an empty list would read as everything being up to date."""
    message = f"{package}: it is on another Hub ({package.hub}), and so is all else that is locked."
    return Refused(message, f"Run: hfver outdated --hub {package.place}")


def _stand(state: RepoState, wish: Wish) -> Standing:
    package = wish.package
    locked = parse_version(package.version) if package and package.version else None
    entry = state.ledger.at_commit(package.commit) if package else None
    allowed = _allowed(state, wish)
    newest = state.ledger.newest()
    return Standing(
        repo=wish.repo,
        spec=wish.text,
        locked=str(locked or (package.commit if package else "")),
        allowed=str(allowed.version) if allowed else None,
        newest=str(newest.version) if newest else None,
        allowed_bump=_rise(locked, allowed),
        newest_bump=_rise(locked, newest),
        yanked=entry.yanked if entry else None,
    )


def _allowed(state: RepoState, wish: Wish) -> Entry | None:
    try:
        return newest_for(state, wish)
    except (HubNotFound, Refused):
        return None


def _rise(locked: Version | None, entry: Entry | None) -> str | None:
    rises = locked is not None and entry is not None and entry.version > locked
    return str(bump_between(locked, entry.version)) if rises and entry else None
