"""Comparing the locked versions with the newest ones in their repos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hfver.core.ledger import Entry
from hfver.core.lockfile import Package, read_lock
from hfver.core.lockfile.results import Outdated, PackageStatus
from hfver.core.version import Version, bump_between, parse_version
from hfver.errors import HubNotFound, Refused
from hfver.hub import Hub
from hfver.locking.lock import newest_for
from hfver.locking.requirements import LockRequest, Requirement, collect_requirements
from hfver.registry.resolve_locked import trust_for
from hfver.registry.state import RepoState, TrustOptions, read_state

__all__ = ["outdated"]


def outdated(hub: Hub, path: Path, request: LockRequest) -> Outdated:
    """Compare every locked version with the newest one that its spec allows, and with the newest one of all.

    Args:
        hub: The Hub that has the locked repos.
        path: The lock.
        request: The requirements of ``hfver.toml``; nothing else of it counts.

    Raises:
        BadConfig: The lock does not exist or is broken.
        Refused: All of its packages are on other Hubs.
        HubError: A repo does not exist anymore, or the Hub does not answer.
        VerificationError: A ledger does not contain what the lock recorded.
    """
    lock = read_lock(path)
    trust = TrustOptions(lock=lock)
    request = replace(request, refs=(), remove=(), allow_code=False)
    packages = tuple(
        _status(read_state(hub.repo(one.repo), trust_for(one.package, trust)), one, one.package)
        for one in collect_requirements(request, lock, hub.identity)
        if one.package
    )
    if not packages and lock.direct:
        raise _all_on_other_hubs(lock.direct[0])
    return Outdated(path, packages)


def _all_on_other_hubs(package: Package) -> Refused:
    # An empty list would mean that everything is up to date, although nothing was compared.
    message = f"{package} is on a different Hub ({package.hub}), and so are all other locked packages."
    return Refused(message, f"Run: hfver outdated --hub {package.place}")


def _status(state: RepoState, requirement: Requirement, package: Package) -> PackageStatus:
    locked = parse_version(package.version) if package.version else None
    entry = state.ledger.at_commit(package.commit)
    allowed = _newest_allowed(state, requirement)
    newest = state.ledger.newest()
    return PackageStatus(
        repo=requirement.repo,
        spec=requirement.spec,
        locked=str(locked or package.commit),
        allowed=str(allowed.version) if allowed else None,
        newest=str(newest.version) if newest else None,
        allowed_bump=_bump(locked, allowed),
        newest_bump=_bump(locked, newest),
        yanked=entry.yanked if entry else None,
    )


def _newest_allowed(state: RepoState, requirement: Requirement) -> Entry | None:
    try:
        return newest_for(state, requirement)
    except (HubNotFound, Refused):
        return None


def _bump(locked: Version | None, entry: Entry | None) -> str | None:
    if locked is None or entry is None or entry.version <= locked:
        return None
    return str(bump_between(locked, entry.version))
