"""Heed the lock: what ``ns/name`` means in a project that has an ``hfver.lock``, and whether that is still true."""

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
from hfver.hub.download import cached_file
from hfver.registry.resolve import Pinned, locate, pin
from hfver.registry.signing import check_signed
from hfver.registry.state import RepoState, TrustOptions

__all__ = ["code_is_allowed", "confirm", "locate_locked", "pin_locked", "resolve_locked", "trust_for"]


def resolve_locked(hub: Hub, ref: Ref, trust: TrustOptions = TrustOptions()) -> Pinned:
    """Find the release that a reference means, by the lock where it speaks of it, else by the ledger.

    What the lock holds and this machine verified before costs no request.

    Raises:
        Refused: The lock holds a version that is not in the range asked for.
        HubError: There is no such release, or no answer.
        VerificationError: Something is not what the lock, the ledger or a manifest says.
        SignatureInvalid: The policy asks for a signature that is not there.
    """
    pinned = locate_locked(hub, ref, trust)
    check_signed(pinned.repo, pinned.release, policy=trust.policy)
    return pinned


def locate_locked(hub: Hub, ref: Ref, trust: TrustOptions = TrustOptions()) -> Pinned:
    """Resolve a reference without asking for a signature: for a base, which its lineage pins to a commit."""
    package = _answer(hub, ref, trust.lock) if trust.lock else None
    return pin_locked(hub, package, trust) if package else locate(hub, ref, trust)


def pin_locked(hub: Hub, package: Package, trust: TrustOptions = TrustOptions()) -> Pinned:
    """Pin what a lock holds, without a request where that can be proven here.

    Raises:
        DigestMismatch: The lock contradicts the manifest of the very commit that it names.
        LedgerRewritten: The ledger was asked, and does not name that commit.
    """
    repo = hub.repo(package.repo)
    if package.digest is None:
        release = Release(package.repo, package.commit, repo.url(package.commit), published=False)
        return Pinned(repo, release, files=package.files)
    _learn_from_cache(repo, package)
    pinned = locate(hub, Ref(package.repo, Commit(package.commit)), trust_for(package, trust))
    if pinned.tree is not None and not pinned.release.published:
        raise _unnamed(package, _name(trust.lock))
    return _checked(pinned, package, _name(trust.lock))


def confirm(state: RepoState, package: Package, name: str = LOCK) -> Pinned:
    """Ask a repo's ledger whether it still says what a lock holds of a release.

    Raises:
        LedgerRewritten: The ledger does not have the release any more.
        DigestMismatch: It is another one now.
    """
    entry = state.ledger.at_commit(package.commit)
    if entry is None:
        raise _unnamed(package, name)
    return _checked(pin(state, entry), package, name)


def code_is_allowed(pinned: Pinned, trust: TrustOptions) -> bool:
    """Tell whether the lock allows the own Python code of exactly this commit to run."""
    return trust.lock is not None and trust.lock.allows_code(
        pinned.release.repo, pinned.release.commit, pinned.repo.hub.identity
    )


def trust_for(package: Package | None, trust: TrustOptions = TrustOptions()) -> TrustOptions:
    """Ask the ledger to hold the line that was its head when the package was locked."""
    return replace(trust, seen=package.ledger, seen_by=_name(trust.lock)) if package and package.ledger else trust


def _answer(hub: Hub, ref: Ref, lock: Lock) -> Package | None:
    """Find what the lock says of a reference, or None where it says nothing."""
    if isinstance(ref.spec, Commit):
        return lock.at(ref.repo, ref.spec.sha, hub.identity)
    package = lock.find(ref.repo, hub.identity)
    if package is None:
        _warn_of_another_hub(hub, ref, lock)
        return None
    if isinstance(ref.spec, Range) and not package.answers(ref.spec):
        raise Refused(
            f"{ref} is asked for, and {_name(lock)} has {package.version or package.commit} (for {package.spec}).",
            f"Lock another version: hfver lock '{ref}', or leave the lock aside: --no-lock (lock=False)",
        )
    return package if package.answers(ref.spec) else None


def _warn_of_another_hub(hub: Hub, ref: Ref, lock: Lock) -> None:
    others = sorted({one.hub for one in lock.direct if one.repo.lower() == ref.repo.lower()})
    if others:
        message = f"{_name(lock)} holds {ref.repo} of {others[0]}; it says nothing of {hub.place}, which is asked"
        warnings.warn(message, UserWarning, stacklevel=5)


def _learn_from_cache(repo: HubRepo, package: Package) -> None:
    """Believe a manifest in the Hugging Face cache if it has the digest that the lock holds."""
    memory = repo.memory
    found = cached_file(package.repo, package.commit, MANIFEST)
    if found is None or memory.manifest(package.commit) is not None:
        return
    raw = found.read_bytes()
    if digest_of(raw) == package.digest:
        memory.remember_manifest(package.commit, raw)


def _unnamed(package: Package, name: str) -> LedgerRewritten:
    return LedgerRewritten(
        f"{package}: {name} holds commit {package.commit}, and the ledger does not name it.",
        "Trust nothing of this repo until its owner explains that.",
    )


def _checked(pinned: Pinned, package: Package, name: str) -> Pinned:
    release = pinned.release
    for what, found, held in (
        ("digest", release.digest, package.digest),
        ("version", release.version, package.version),
        *_files(release, package),
    ):
        if found != held:
            raise DigestMismatch(
                f"{package}: {name} says {what} {held}; commit {package.commit} says {found}.",
                f"If {name} was edited, bring it back: git checkout -- {LOCK}. Else the repo is another one now.",
            )
    tag = tag_of(parse_version(str(package.version)))
    return replace(pinned, release=replace(release, published=True, tag=tag))


def _files(release: Release, package: Package) -> list[tuple[str, object, object]]:
    """List the files with what manifest and lock say of them."""
    listed = release.manifest.files if release.manifest else {}
    return [(path, listed.get(path), package.files.get(path)) for path in sorted({*listed, *package.files})]


def _name(lock: Lock | None) -> str:
    return str(lock.path) if lock and lock.path else LOCK
