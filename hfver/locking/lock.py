"""Lock: decide which commit each wish means, and write down everything that proves it.

What is locked stays as long as it meets the wishes, and is compared with the ledger again; only what is new is
chosen. Adapters bring their base along, at the commit that their lineage pins: two adapters may need two commits of
one base, and both are locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hfver.core.ledger import Entry
from hfver.core.lockfile import Lock, Package, read_lock, write_lock
from hfver.core.lockfile.results import Change, Locked
from hfver.core.progress import Progress, silent
from hfver.core.ref import Commit, Latest, Ref, Spec
from hfver.core.version import Range, Version, bump_between, parse_version
from hfver.errors import CommitGone, HubNotFound, Refused, VerificationError
from hfver.hub import Hub
from hfver.locking.package import base_of, describe
from hfver.locking.requirements import Asked, Wish, gather
from hfver.registry.resolve import Pinned, choose_entry, locate, pin
from hfver.registry.resolve_locked import confirm, trust_for
from hfver.registry.signing import check_signed
from hfver.registry.state import RepoState, TrustOptions, read_state

__all__ = ["lock", "newest_for"]


@dataclass(frozen=True)
class _Desk:
    """What every step of locking needs."""

    hub: Hub
    before: Lock
    progress: Progress


def lock(hub: Hub, path: Path, asked: Asked, *, progress: Progress = silent) -> Locked:
    """Bring a lock in line with what is wanted, and write it if it changed.

    Nothing large is downloaded. Packages on other Hubs stay as they are.

    Args:
        hub: Where the wishes are looked up.
        path: The lock; made if it does not exist.
        asked: What is wanted.
        progress: Told the bytes.

    Raises:
        BadConfig: The lock is broken.
        Refused: Two demands on one repo exclude each other.
        HubNotFound: There is no such repo, or no release that is wanted.
        VerificationError: What is locked is not true any more.
    """
    before = read_lock(path) if path.is_file() else Lock(path=path)
    desk = _Desk(hub, before, progress)
    mine: list[Package] = []
    notes: list[str] = []
    for wish in gather(asked, before, hub.identity):
        pinned, packages = _settle(desk, wish)
        check_signed(pinned.repo, pinned.release, policy=asked.policy)
        mine += packages
        notes += _notes(wish, pinned, packages[0])
    others = [one for one in before.packages if one.hub != hub.identity]
    after = Lock(packages=Lock(packages=(*others, *_once(mine))).ordered, path=path)
    written = write_lock(path, after)
    return Locked(path, after, tuple(_changes(before, after)), written, tuple(notes))


def newest_for(state: RepoState, wish: Wish) -> Entry:
    """Choose the newest release that meets every demand of a wish.

    Raises:
        HubNotFound: No release meets its only demand.
        Refused: No release meets all of its demands.
    """
    demands = [one for one in wish.demands if not isinstance(one.spec, Latest)] or list(wish.demands[:1])
    if len(demands) == 1:
        try:
            return choose_entry(state, Ref(wish.repo, demands[0].spec))
        except HubNotFound as error:
            raise HubNotFound(f"{error.message} It is what {demands[0].source} asks for.", error.hint) from None
    met = [entry for entry in state.ledger.entries if all(_meets(entry, one.spec) for one in demands)]
    if not met:
        has = ", ".join(str(one.version) + (" (yanked)" if one.yanked else "") for one in state.ledger.entries)
        raise Refused(
            f"{wish.repo}: no release is at once {' and '.join(map(str, demands))}.",
            f"Change one of them. It has: {has or 'no releases'}",
        )
    return max(met, key=lambda entry: entry.version)


def _settle(desk: _Desk, wish: Wish) -> tuple[Pinned, list[Package]]:
    """Decide on a wish: keep what is locked if it meets it, else choose; then write down what proves it."""
    pinned, head = _decide(desk, wish)
    allowed = wish.allow_code or desk.before.allows_code(wish.repo, pinned.release.commit, desk.hub.identity)
    base = _base(desk, pinned, allowed)
    package = describe(
        pinned,
        ledger=head,
        spec=wish.text,
        base=base[0] if base else None,
        allow_code=allowed,
        progress=desk.progress,
    )
    kept = wish.package if wish.package and wish.package.commit == pinned.release.commit else None
    if kept is not None:
        _check_still(kept, package)
        package = package.model_copy(update={"ledger": kept.ledger})
    return pinned, [package, *base]


def _base(desk: _Desk, pinned: Pinned, allow_code: bool) -> list[Package]:
    """Write down the base of an adapter, at the commit that its lineage pins."""
    ref = base_of(pinned)
    if ref is None:
        return []
    known = desk.before.at(ref.repo, str(ref.spec), desk.hub.identity)
    state = read_state(desk.hub.repo(ref.repo), trust_for(known, TrustOptions(lock=desk.before)))
    found = _at_commit(state, str(ref.spec))
    head = (known.ledger if known else state.ledger.head) if found.release.digest else None
    package = describe(found, ledger=head, allow_code=allow_code, progress=desk.progress)
    if known is not None and known.spec is None:
        _check_still(known, package)
    return [package]


def _decide(desk: _Desk, wish: Wish) -> tuple[Pinned, str | None]:
    """Find the commit that a wish means, and the head of its ledger."""
    hub, package = desk.hub, wish.package
    state = read_state(hub.repo(wish.repo), trust_for(package, TrustOptions(lock=desk.before)))
    if package is not None and wish.is_met and not wish.renew:
        if package.digest is not None:
            return confirm(state, package, str(desk.before.path)), state.ledger.head
        return _at_commit(state, package.commit), None
    exact = next((one.spec for one in wish.demands if isinstance(one.spec, Commit)), None)
    if exact is not None:
        _check_alone(wish, exact)
        pinned = _at_commit(state, exact.sha)
        return pinned, state.ledger.head if pinned.release.digest else None
    return pin(state, newest_for(state, wish)), state.ledger.head


def _at_commit(state: RepoState, commit: str) -> Pinned:
    """Pin a commit: a release by its ledger, another as it is; a candidate is no release yet."""
    entry = state.ledger.at_commit(commit)
    if entry is not None:
        return pin(state, entry)
    try:
        found = locate(state.repo.hub, Ref(state.repo.name, Commit(commit)), state.trust)
    except HubNotFound:
        raise CommitGone(
            f"{state.repo}@{commit}: no such commit in a repo that answers.", "Ask the repo's owner."
        ) from None
    if found.release.manifest is not None:
        raise Refused(f"{found.release} is a candidate, not a version yet.", "Lock it when it is released.")
    return found


def _check_alone(wish: Wish, exact: Commit) -> None:
    others = [one for one in wish.demands if one.spec != exact and not isinstance(one.spec, Latest)]
    if others:
        raise Refused(
            f"{wish.repo}: {exact} is asked for, and {' and '.join(map(str, others))}.",
            "Ask for the commit alone, or for versions alone.",
        )


def _meets(entry: Entry, spec: Spec) -> bool:
    if isinstance(spec, Range):
        return entry.yanked is None and spec.allows(entry.version)
    return isinstance(spec, Version) and entry.version == spec


def _check_still(held: Package, found: Package) -> None:
    """Compare the files of a commit without a manifest with what the lock holds of them."""
    for path in sorted({*held.files, *found.files}):
        if held.files.get(path) != found.files.get(path):
            raise VerificationError(
                f"{held}: {path} is not as hfver.lock holds it: {held.files.get(path)}, now {found.files.get(path)}.",
                "Trust nothing of this repo until its owner explains that.",
            )


def _once(packages: Iterable[Package]) -> list[Package]:
    """Keep one package per commit: the one that was asked for, with what was allowed for any of them."""
    kept: dict[tuple[str, str], Package] = {}
    for one in sorted(packages, key=lambda one: one.spec is None):
        key = (one.repo.lower(), one.commit)
        first = kept.setdefault(key, one)
        if one.allow_code and not first.allow_code:
            kept[key] = first.model_copy(update={"allow_code": True})
    return list(kept.values())


def _changes(before: Lock, after: Lock) -> Iterator[Change]:
    old, new = ({(one.hub, one.repo.lower()): one for one in lock.direct} for lock in (before, after))
    for key in sorted({*old, *new}):
        was, now = old.get(key), new.get(key)
        if was and now and was.commit == now.commit:
            continue
        repo = (now or was or next(iter(after.packages))).repo
        yield Change(repo, _label(was), _label(now), _rise(was, now))


def _label(package: Package | None) -> str | None:
    return (package.version or package.commit) if package else None


def _rise(was: Package | None, now: Package | None) -> str | None:
    if was is None or now is None or was.version is None or now.version is None:
        return None
    old, new = parse_version(was.version), parse_version(now.version)
    return str(bump_between(old, new)) if new > old else None


def _notes(wish: Wish, pinned: Pinned, package: Package) -> Iterator[str]:
    if pinned.release.yanked is not None:
        yield f"{package} was yanked: {pinned.release.yanked}"
    if wish.package is not None and wish.package.allow_code and not package.allow_code:
        yield (
            f"The code of {wish.package} was allowed, and that of {package} is not; "
            f"look at it, then: hfver lock --trust-remote-code {package.repo}"
        )
