"""Fetching exactly what a lock records into the Hugging Face cache, with every file's SHA-256 checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from hfver.core.lockfile import LOCK, Lock, Package, read_lock
from hfver.core.lockfile.results import Synced
from hfver.core.manifest import MANIFEST, digest_of
from hfver.core.policy import Policy
from hfver.core.progress import Progress, silent
from hfver.core.ref import parse_ref
from hfver.errors import DigestMismatch, Refused, UsageError
from hfver.hub import Hub
from hfver.hub.cache import cached_file, snapshot_folder
from hfver.hub.memory import Memory
from hfver.loading.fetch import Snapshot, fetch_snapshot, files_in
from hfver.loading.pull import check_code
from hfver.locking.lock import lock as update_lock
from hfver.locking.requirements import LockRequest
from hfver.model.checkpoint import HashCache, refuse_code
from hfver.registry.release_checks import check_folder, check_names
from hfver.registry.resolve_locked import confirm, pin_locked, trust_for
from hfver.registry.signing import check_signed
from hfver.registry.state import TrustOptions, read_state

__all__ = ["sync"]


def sync(
    hub: Hub | None,
    path: Path,
    models: Mapping[str, str],
    *,
    frozen: bool = False,
    policy: Policy | None = None,
    progress: Progress = silent,
) -> Synced:
    """Fetch and verify every package of a lock.

    The ledger must still contain the head that the lock recorded. Packages on other Hubs must be in the cache already.

    Args:
        hub: The Hub to fetch from; None to send no request: then everything must be in the cache.
        path: The lock.
        models: The requirements of ``hfver.toml``; those that are not locked yet are locked first.
        frozen: Fail instead of changing the lock.
        policy: Decides which releases must be signed; None for the nearest file.
        progress: Called with the number of bytes downloaded.

    Raises:
        Refused: The lock lacks a requirement and must not be changed, or a file is missing and must not be fetched.
        BadConfig: The lock is broken.
        VerificationError: Something does not match the lock.
    """
    lock = read_lock(path) if path.is_file() else None
    notes: tuple[str, ...] = ()
    if missing := _unlocked(lock, models, hub):
        _check_may_lock(path, missing, hub, frozen)
        updated = update_lock(hub, path, LockRequest(models=models, policy=policy), progress=progress) if hub else None
        lock, notes = (updated.lock, updated.notes) if updated else (lock, ())
    if lock is None or not lock.packages:
        raise UsageError(
            f"There is nothing to fetch in {path}.", "Lock the models that you use: hfver lock NS/NAME@SPEC"
        )
    folders = []
    trust = TrustOptions(lock=lock, policy=policy)
    for package in lock.packages:
        if hub is not None and package.hub == hub.identity:
            snapshot, yanked = _fetch(hub, package, trust, progress)
        else:
            snapshot, yanked = _check_cached(package, hub, progress)
        folders.append((package, snapshot.path))
        notes += (f"{package} was yanked: {yanked}",) if yanked else ()
    return Synced(path, tuple(folders), tuple(dict.fromkeys(notes)))


def _unlocked(lock: Lock | None, models: Mapping[str, str], hub: Hub | None) -> list[str]:
    """List the requirements of ``hfver.toml`` that no locked package satisfies."""
    direct = lock.direct if lock else ()
    mine = [one for one in direct if hub is None or one.hub == hub.identity]
    return [
        f"{repo}@{spec}"
        for repo, spec in sorted(models.items())
        if not any(one.repo.lower() == repo.lower() and one.satisfies(parse_ref(f"a/b@{spec}").spec) for one in mine)
    ]


def _check_may_lock(path: Path, missing: Iterable[str], hub: Hub | None, frozen: bool) -> None:
    if frozen or hub is None:
        option = "--frozen" if frozen else "--offline"
        state = "does not contain" if path.is_file() else "does not exist, so it does not contain"
        raise Refused(f"{path} {state} {', '.join(missing)}, and {option} does not change it.", "Run: hfver lock")


def _fetch(hub: Hub, package: Package, trust: TrustOptions, progress: Progress) -> tuple[Snapshot, str | None]:
    """Fetch a package after checking it against the ledger, and return the reason if it was yanked."""
    pinned = pin_locked(hub, package, trust)
    if package.digest is not None:
        # The commit may be known without a request, but whether it was yanked or removed is not.
        state = read_state(hub.repo(package.repo), trust_for(package, trust))
        pinned = confirm(state, package, str(trust.lock.path if trust.lock else LOCK))
    if package.spec:  # a base has none, and needs no signature: the signed lineage of its adapter pins it
        check_signed(pinned.repo, pinned.release, policy=trust.policy)
    snapshot = fetch_snapshot(pinned, progress=progress)
    if not package.allow_code:
        check_code(pinned, snapshot)
    return snapshot, pinned.release.yanked


def _check_cached(package: Package, hub: Hub | None, progress: Progress) -> tuple[Snapshot, str | None]:
    """Verify a package in the cache without sending a request."""
    absent = [path for path in package.files if cached_file(package.repo, package.commit, path) is None]
    if absent:
        reason = "--offline downloads nothing" if hub is None else f"the package is on a different Hub ({package.hub})"
        command = "hfver sync" if hub is None else f"hfver sync --hub {package.place}"
        raise Refused(f"{package}: {absent[0]} is not in the cache, and {reason}.", f"Run: {command}")
    folder = snapshot_folder(package.repo, package.commit)
    check_folder(folder, package.files, str(package), cache=HashCache(), progress=progress)
    if package.digest is not None:
        check_names(files_in(folder), package.files, str(package))
        _check_manifest(package)
    if not package.allow_code:
        refuse_code(folder, name=str(package), paths=package.files)
    return Snapshot(folder, package.files), None


def _check_manifest(package: Package) -> None:
    memory = Memory(package.hub, package.repo)
    found = cached_file(package.repo, package.commit, MANIFEST)
    raw = found.read_bytes() if found else memory.manifest(package.commit)
    if raw is None:
        raise Refused(f"{package}: {MANIFEST} is not in the cache.", "Run: hfver sync")
    if digest_of(raw) != package.digest:
        raise DigestMismatch(
            f"{package}: the manifest in the cache has the digest {digest_of(raw)}; {LOCK} records {package.digest}.",
            f"Delete {found or 'the package from the cache'} and run: hfver sync",
        )
    memory.remember_manifest(package.commit, raw)
