"""Locking: choosing a commit for each requirement, and recording everything that proves it.

A locked package stays as long as it satisfies its requirement, and is checked against the ledger again; other
requirements get a new commit. The base of an adapter is locked too, at the commit that the adapter's lineage pins. Two
adapters may need two commits of one base, and both are locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hfver.core.ledger import Entry
from hfver.core.lockfile import LOCK, Lock, Package, read_lock, write_lock
from hfver.core.lockfile.results import LockChange, Locked
from hfver.core.progress import Progress, silent
from hfver.core.ref import Commit, Latest, Ref, Spec
from hfver.core.shorten import shortened
from hfver.core.version import Range, Version, bump_between, parse_version
from hfver.errors import HubNotFound, Refused, VerificationError
from hfver.hub import Hub
from hfver.locking.package import base_of, commit_gone, package_of
from hfver.locking.requirements import LockRequest, Requirement, collect_requirements
from hfver.registry.resolve import Pinned, choose_entry, locate, pin
from hfver.registry.resolve_locked import confirm, trust_for
from hfver.registry.signing import check_signed
from hfver.registry.state import RepoState, TrustOptions, read_state

__all__ = ["lock", "newest_for"]


@dataclass(frozen=True)
class _Context:
    """What every step of locking needs: the Hub, the lock as it was, and where to report progress."""

    hub: Hub
    before: Lock
    progress: Progress


def lock(hub: Hub, path: Path, request: LockRequest, *, progress: Progress = silent) -> Locked:
    """Update a lock to what a project requires, and write it if it changed.

    Nothing large is downloaded. Packages on other Hubs stay unchanged.

    Args:
        hub: The Hub that has the required repos.
        path: The lock; created if it does not exist.
        request: How the lock is to be changed.
        progress: Called with the number of bytes downloaded.

    Raises:
        BadConfig: The lock is broken.
        Refused: The constraints on a repo contradict each other.
        HubNotFound: There is no such repo, or no release that satisfies a constraint.
        VerificationError: A locked package does not match the ledger anymore.
    """
    before = read_lock(path) if path.is_file() else Lock(path=path)
    context = _Context(hub, before, progress)
    locked: list[Package] = []
    notes: list[str] = []
    for requirement in collect_requirements(request, before, hub.identity):
        pinned, packages = _lock_requirement(context, requirement)
        check_signed(pinned.repo, pinned.release, policy=request.policy)
        locked += packages
        notes += _notes(requirement, pinned, packages[0])
    # Only the Hub that was asked can say anything about its packages.
    others = [one for one in before.packages if one.hub != hub.identity]
    after = Lock(packages=Lock(packages=(*others, *_deduplicate(locked))).ordered, path=path)
    written = write_lock(path, after)
    return Locked(path, after, tuple(_changes(before, after)), written, tuple(notes))


def newest_for(state: RepoState, requirement: Requirement) -> Entry:
    """Choose the newest release that satisfies every constraint of a requirement.

    Raises:
        HubNotFound: No release satisfies the only constraint.
        Refused: No release satisfies all constraints.
    """
    # Latest means no constraint, unless it is the only one: then it excludes prereleases.
    constraints = [one for one in requirement.constraints if not isinstance(one.spec, Latest)]
    constraints = constraints or list(requirement.constraints[:1])
    if len(constraints) == 1:
        try:
            return choose_entry(state, Ref(requirement.repo, constraints[0].spec))
        except HubNotFound as error:
            raise HubNotFound(f"{error.message} It is required by {constraints[0].source}.", error.hint) from None
    found = [entry for entry in state.ledger.entries if all(_satisfies(entry, one.spec) for one in constraints)]
    if not found:
        known = ", ".join(str(one.version) + (" (yanked)" if one.yanked else "") for one in state.ledger.entries)
        raise Refused(
            f"{requirement.repo}: no release satisfies {' and '.join(map(str, constraints))} at the same time.",
            f"Change one of them. Releases: {known or 'none'}",
        )
    return max(found, key=lambda entry: entry.version)


def _lock_requirement(context: _Context, requirement: Requirement) -> tuple[Pinned, list[Package]]:
    """Choose a commit for a requirement, and record it and its base."""
    pinned, head = _choose_commit(context, requirement)
    hub, before = context.hub, context.before
    allowed = requirement.allow_code or before.allows_code(requirement.repo, pinned.release.commit, hub.identity)
    base = _lock_base(context, pinned, allowed)
    package = package_of(
        pinned,
        ledger=head,
        spec=requirement.spec,
        base=base[0] if base else None,
        allow_code=allowed,
        progress=context.progress,
    )
    kept = requirement.package
    if kept is not None and kept.commit == pinned.release.commit:
        _check_files_unchanged(kept, package)
        # The recorded head stays, so that locking again does not change the file whenever the ledger grows.
        package = package.model_copy(update={"ledger": kept.ledger})
    return pinned, [package, *base]


def _lock_base(context: _Context, pinned: Pinned, allow_code: bool) -> list[Package]:
    """Record the base of an adapter, at the commit that its lineage pins."""
    ref = base_of(pinned)
    if ref is None:
        return []
    known = context.before.at(ref.repo, str(ref.spec), context.hub.identity)
    state = read_state(context.hub.repo(ref.repo), trust_for(known, TrustOptions(lock=context.before)))
    found = _at_commit(state, str(ref.spec))
    head = (known.ledger if known else state.ledger.head) if found.release.digest else None
    package = package_of(found, ledger=head, allow_code=allow_code, progress=context.progress)
    if known is not None and known.spec is None:
        _check_files_unchanged(known, package)
    return [package]


def _choose_commit(context: _Context, requirement: Requirement) -> tuple[Pinned, str | None]:
    """Choose the commit for a requirement, and return the head of its ledger too."""
    hub, package = context.hub, requirement.package
    state = read_state(hub.repo(requirement.repo), trust_for(package, TrustOptions(lock=context.before)))
    if package is not None and requirement.is_satisfied and not requirement.upgrade:
        if package.digest is not None:
            return confirm(state, package, str(context.before.path)), state.ledger.head
        return _at_commit(state, package.commit), None
    exact = next((one.spec for one in requirement.constraints if isinstance(one.spec, Commit)), None)
    if exact is not None:
        _check_alone(requirement, exact)
        pinned = _at_commit(state, exact.sha)
        return pinned, state.ledger.head if pinned.release.digest else None
    return pin(state, newest_for(state, requirement)), state.ledger.head


def _at_commit(state: RepoState, commit: str) -> Pinned:
    """Pin a commit: a release with the checks of its ledger, or a commit that hfver did not make."""
    entry = state.ledger.at_commit(commit)
    if entry is not None:
        return pin(state, entry)
    try:
        found = locate(state.repo.hub, Ref(state.repo.name, Commit(commit)), state.trust)
    except HubNotFound:
        raise commit_gone(str(state.repo), commit) from None
    if found.release.manifest is not None:
        raise Refused(f"{found.release} is a candidate, which is not a version yet.", "Lock it after it was published.")
    return found


def _check_alone(requirement: Requirement, exact: Commit) -> None:
    others = [one for one in requirement.constraints if one.spec != exact and not isinstance(one.spec, Latest)]
    if others:
        raise Refused(
            f"{requirement.repo}: commit {exact} cannot be combined with {' and '.join(map(str, others))}.",
            "Require only the commit, or only versions.",
        )


def _satisfies(entry: Entry, spec: Spec) -> bool:
    if isinstance(spec, Range):
        return entry.yanked is None and spec.allows(entry.version)
    return isinstance(spec, Version) and entry.version == spec


def _check_files_unchanged(locked: Package, found: Package) -> None:
    """Compare the files of a commit with what the lock records: a commit without a manifest has no other check."""
    for path in sorted({*locked.files, *found.files}):
        if locked.files.get(path) != found.files.get(path):
            raise VerificationError(
                f"{locked}: {LOCK} records {path} with {locked.files.get(path)}; the commit has "
                f"{found.files.get(path)}.",
                "Do not use this repo until its owner has explained this.",
            )


def _deduplicate(packages: Iterable[Package]) -> list[Package]:
    """Keep one package per commit: the required one rather than the base, with code allowed if it is for either."""
    kept: dict[tuple[str, str], Package] = {}
    for one in sorted(packages, key=lambda one: one.spec is None):
        key = (one.repo.lower(), one.commit)
        first = kept.setdefault(key, one)
        if one.allow_code and not first.allow_code:
            kept[key] = first.model_copy(update={"allow_code": True})
    return list(kept.values())


def _changes(before: Lock, after: Lock) -> Iterator[LockChange]:
    old, new = ({(one.hub, one.repo.lower()): one for one in lock.direct} for lock in (before, after))
    for key in sorted({*old, *new}):
        was, now = old.get(key), new.get(key)
        if was and now and was.commit == now.commit:
            continue
        repo = (now or was or next(iter(after.packages))).repo
        yield LockChange(repo, _label(was), _label(now), _bump(was, now))


def _label(package: Package | None) -> str | None:
    return (package.version or package.commit) if package else None


def _bump(was: Package | None, now: Package | None) -> str | None:
    """Return by which level a package rose; None if it did not."""
    if was is None or now is None or was.version is None or now.version is None:
        return None
    old, new = parse_version(was.version), parse_version(now.version)
    return str(bump_between(old, new)) if new > old else None


def _notes(requirement: Requirement, pinned: Pinned, package: Package) -> Iterator[str]:
    if pinned.release.yanked is not None:
        yield f"{package} was yanked: {shortened(pinned.release.yanked)}"
    # Code is allowed for one commit: another one may have different code.
    if requirement.package is not None and requirement.package.allow_code and not package.allow_code:
        yield (
            f"The Python code of {requirement.package} was allowed to run; the code of {package} is not. "
            f"Review it, then run: hfver lock --trust-remote-code {package.repo}"
        )
