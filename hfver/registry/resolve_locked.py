"""Resolving a reference in a project that has an ``hfver.lock``, and checking the lock against the ledger."""

from __future__ import annotations

import warnings
from dataclasses import replace

from hfver.core.lockfile import LOCK, Lock, Package
from hfver.core.manifest import MANIFEST, digest_of
from hfver.core.ref import Commit, Ref
from hfver.core.results import Release
from hfver.core.version import Range, parse_version, tag_of
from hfver.errors import DigestMismatch, LedgerRewritten, Refused
from hfver.hub import Hub, HubRepo
from hfver.hub.cache import cached_file
from hfver.registry.resolve import Pinned, locate, pin
from hfver.registry.signing import check_signed
from hfver.registry.state import RepoState, TrustOptions

__all__ = ["code_is_allowed", "confirm", "locate_locked", "pin_locked", "resolve_locked", "trust_for"]


def resolve_locked(hub: Hub, ref: Ref, trust: TrustOptions = TrustOptions()) -> Pinned:
    """Find the release that a reference means: by the lock if it has the repo, otherwise by the ledger.

    A release that is locked and was verified on this machine before needs no request.

    Args:
        hub: The Hub.
        ref: The reference.
        trust: What must hold for the repo to be trusted, with the lock.

    Raises:
        Refused: The locked version is not in the requested range.
        HubError: There is no such release, or the Hub does not answer.
        VerificationError: Something does not match the lock, the ledger or a manifest.
        SignatureInvalid: The signature that the policy requires is missing or wrong.
    """
    pinned = locate_locked(hub, ref, trust)
    check_signed(pinned.repo, pinned.release, policy=trust.policy)
    return pinned


def locate_locked(hub: Hub, ref: Ref, trust: TrustOptions = TrustOptions()) -> Pinned:
    """Resolve a reference as `resolve_locked` does, but without a signature check (see `locate`)."""
    package = _locked_package(hub, ref, trust.lock) if trust.lock else None
    return pin_locked(hub, package, trust) if package else locate(hub, ref, trust)


def pin_locked(hub: Hub, package: Package, trust: TrustOptions = TrustOptions()) -> Pinned:
    """Pin a package of a lock, without a request if this machine has what proves it.

    Raises:
        DigestMismatch: The lock does not match the manifest of the commit that it names.
        LedgerRewritten: The ledger had to be read, and does not contain that commit.
    """
    repo = hub.repo(package.repo)
    if package.digest is None:
        release = Release(package.repo, package.commit, repo.url(package.commit), published=False)
        return Pinned(repo, release, files=package.files)
    _remember_cached_manifest(repo, package)
    pinned = locate(hub, Ref(package.repo, Commit(package.commit)), trust_for(package, trust))
    # A tree means that nothing on this machine had proven the commit, so that the ledger was read. If the ledger does
    # not have the commit, the lock names a candidate, or a commit that somebody made to look like a release.
    if pinned.tree is not None and not pinned.release.published:
        raise _not_in_ledger(package, _name(trust.lock))
    return _check_package(pinned, package, _name(trust.lock))


def confirm(state: RepoState, package: Package, name: str = LOCK) -> Pinned:
    """Check a package of a lock against the ledger of its repo.

    Args:
        state: The state of the repo.
        package: The package, which must be a release.
        name: The name of the lock, for error messages.

    Raises:
        LedgerRewritten: The ledger does not contain the release anymore.
        DigestMismatch: The release differs from what the lock records.
    """
    entry = state.ledger.at_commit(package.commit)
    if entry is None:
        raise _not_in_ledger(package, name)
    return _check_package(pin(state, entry), package, name)


def code_is_allowed(pinned: Pinned, trust: TrustOptions) -> bool:
    """Return whether the lock allows the Python code of exactly this commit to run."""
    return trust.lock is not None and trust.lock.allows_code(
        pinned.release.repo, pinned.release.commit, pinned.repo.hub.identity
    )


def trust_for(package: Package | None, trust: TrustOptions = TrustOptions()) -> TrustOptions:
    """Require that the ledger still contains the line that was its head when the package was locked."""
    if package is None or package.ledger is None:
        return trust
    return replace(trust, ledger_head=package.ledger, recorded_by=_name(trust.lock))


def _locked_package(hub: Hub, ref: Ref, lock: Lock) -> Package | None:
    """Find the package that a reference means, or None if the lock has none."""
    if isinstance(ref.spec, Commit):
        return lock.at(ref.repo, ref.spec.sha, hub.identity)
    package = lock.find(ref.repo, hub.identity)
    if package is None:
        _warn_if_locked_elsewhere(hub, ref, lock)
        return None
    if isinstance(ref.spec, Range) and not package.satisfies(ref.spec):
        raise Refused(
            f"{ref} was requested, but {_name(lock)} has {package.version or package.commit} (for {package.spec}).",
            f"Lock a version in that range: hfver lock '{ref}', or ignore the lock: --no-lock (lock=False)",
        )
    # An exact version (or pull request) other than the locked one is asked for on purpose: the ledger resolves it.
    return package if package.satisfies(ref.spec) else None


def _warn_if_locked_elsewhere(hub: Hub, ref: Ref, lock: Lock) -> None:
    others = sorted({one.hub for one in lock.direct if one.repo.lower() == ref.repo.lower()})
    if others:
        message = f"{_name(lock)} locks {ref.repo} on {others[0]}, so it does not apply to {hub.place}"
        warnings.warn(message, UserWarning, stacklevel=5)


def _remember_cached_manifest(repo: HubRepo, package: Package) -> None:
    """Accept a manifest from the Hugging Face cache if it has the digest that the lock records."""
    memory = repo.memory
    found = cached_file(package.repo, package.commit, MANIFEST)
    if found is None or memory.manifest(package.commit) is not None:
        return
    raw = found.read_bytes()
    if digest_of(raw) == package.digest:
        memory.remember_manifest(package.commit, raw)


def _not_in_ledger(package: Package, name: str) -> LedgerRewritten:
    return LedgerRewritten(
        f"{package}: {name} records commit {package.commit}, which is not in the ledger.",
        "Do not use this repo until its owner has explained this.",
    )


def _check_package(pinned: Pinned, package: Package, name: str) -> Pinned:
    """Compare a commit with what the lock records: digest, version, and every file's size and SHA-256."""
    release = pinned.release
    for what, found, locked in (
        ("digest", release.digest, package.digest),
        ("version", release.version, package.version),
        *_files(release, package),
    ):
        if found != locked:
            raise DigestMismatch(
                f"{package}: {name} records {what} {locked}; commit {package.commit} has {found}.",
                f"If {name} was edited, restore it: git checkout -- {LOCK}. Otherwise the release was replaced: "
                "do not use this repo until its owner has explained this.",
            )
    # A remembered commit is not known to be published, but the ledger named it when it was locked.
    tag = tag_of(parse_version(str(package.version)))
    return replace(pinned, release=replace(release, published=True, tag=tag))


def _files(release: Release, package: Package) -> list[tuple[str, object, object]]:
    """Pair what the manifest and the lock say about each file."""
    listed = release.manifest.files if release.manifest else {}
    return [(path, listed.get(path), package.files.get(path)) for path in sorted({*listed, *package.files})]


def _name(lock: Lock | None) -> str:
    return str(lock.path) if lock and lock.path else LOCK
