"""Sync: exactly what a lock holds, in the Hugging Face cache, every file compared with the lock's SHA-256."""

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
from hfver.hub.download import cached_file, snapshot_folder
from hfver.hub.memory import Memory
from hfver.loading.fetch import Snapshot, fetch_snapshot, files_in
from hfver.loading.pull import check_code
from hfver.locking.lock import lock as relock
from hfver.locking.requirements import Asked
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
    """Fetch and verify everything that a lock holds.

    The ledger must still hold the head that the lock remembers. Packages on other Hubs must be here already.

    Args:
        hub: Where to fetch from; None asks nobody: all of it must be here.
        path: The lock.
        models: What the project wants besides, from ``hfver.toml``: locked first, where it is not.
        frozen: Refuse in place of locking.
        policy: Decides which releases must be signed; None for the nearest file.
        progress: Told the bytes.

    Raises:
        Refused: The lock lacks something and may not be changed, or a file is not here and may not be fetched.
        BadConfig: The lock is broken.
        VerificationError: Something is not what the lock holds.
    """
    held = read_lock(path) if path.is_file() else None
    notes: tuple[str, ...] = ()
    if missing := _lacking(held, models, hub):
        _check_may_lock(path, missing, hub, frozen)
        done = relock(hub, path, Asked(models=models, policy=policy), progress=progress) if hub else None
        held, notes = (done.lock, done.notes) if done else (held, ())
    if held is None or not held.packages:
        raise UsageError(f"There is nothing in {path} to fetch.", "Lock what you use: hfver lock NS/NAME@SPEC")
    folders = []
    for package in held.packages:
        mine = hub is not None and package.hub == hub.identity
        trust = TrustOptions(lock=held, policy=policy)
        snapshot, yanked = (
            _fetch(hub, package, trust, progress) if hub and mine else _check_here(package, hub, progress)
        )
        folders.append((package, snapshot.path))
        notes += (f"{package} was yanked: {yanked}",) if yanked else ()
    return Synced(path, tuple(folders), tuple(dict.fromkeys(notes)))


def _lacking(held: Lock | None, models: Mapping[str, str], hub: Hub | None) -> list[str]:
    """List what the project wants and the lock does not hold."""
    direct = held.direct if held else ()
    mine = [one for one in direct if hub is None or one.hub == hub.identity]
    return [
        f"{repo}@{spec}"
        for repo, spec in sorted(models.items())
        if not any(one.repo.lower() == repo.lower() and one.satisfies(parse_ref(f"a/b@{spec}").spec) for one in mine)
    ]


def _check_may_lock(path: Path, missing: Iterable[str], hub: Hub | None, frozen: bool) -> None:
    if frozen or hub is None:
        option = "--frozen" if frozen else "--offline"
        state = "does not hold" if path.is_file() else "is not there to hold"
        raise Refused(f"{path} {state} {', '.join(missing)}, and {option} adds nothing to it.", "Run: hfver lock")


def _fetch(hub: Hub, package: Package, trust: TrustOptions, progress: Progress) -> tuple[Snapshot, str | None]:
    """Bring a package, after asking the ledger; returns also why it was yanked."""
    pinned = pin_locked(hub, package, trust)
    if package.digest is not None:
        state = read_state(hub.repo(package.repo), trust_for(package, trust))
        pinned = confirm(state, package, str(trust.lock.path if trust.lock else LOCK))
    if package.spec:
        check_signed(pinned.repo, pinned.release, policy=trust.policy)
    snapshot = fetch_snapshot(pinned, progress=progress)
    if not package.allow_code:
        check_code(pinned, snapshot)
    return snapshot, pinned.release.yanked


def _check_here(package: Package, hub: Hub | None, progress: Progress) -> tuple[Snapshot, str | None]:
    """Verify a package in the cache without asking anybody, and remember that it was."""
    absent = [path for path in package.files if cached_file(package.repo, package.commit, path) is None]
    if absent:
        why = "--offline fetches nothing" if hub is None else f"it is on another Hub ({package.hub})"
        remedy = "hfver sync" if hub is None else f"hfver sync --hub {package.place}"
        raise Refused(f"{package}: {absent[0]} is not in the cache, and {why}.", f"Run: {remedy}")
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
            f"{package}: its manifest is {digest_of(raw)}; {LOCK} says {package.digest}.",
            "Delete the file and run: hfver sync",
        )
    memory.remember_manifest(package.commit, raw)
