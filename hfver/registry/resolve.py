"""Resolve: from ``ns/name@SPEC`` to one commit that is proven to be that release.

Every reader fails closed: the tag points to the ledger's commit, that commit's tree equals its manifest, the
manifest's digest equals the ledger's, its repo and version are the ones asked for, and the ledger's chain is whole.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hfver.core.ledger import Entry, Ledger
from hfver.core.manifest import ADOPTED, MANIFEST, FileEntry, Manifest, digest_of
from hfver.core.ref import Commit, Latest, PullRequest, Ref, Stage
from hfver.core.results import Release
from hfver.core.version import Range, Version
from hfver.errors import CommitGone, FileMissing, HubNotFound, Refused, VerificationError
from hfver.hub import Hub, TreeFile
from hfver.hub.client import HubRepo
from hfver.registry.pull_request import behind
from hfver.registry.release_checks import (
    check_binding,
    check_content_digest,
    check_digest,
    check_past,
    check_tree,
)
from hfver.registry.signing import check_signed
from hfver.registry.state import RepoState, TrustOptions, read_state
from hfver.registry.versions import candidate_release, check_tag, release_of

__all__ = [
    "Pinned",
    "candidate_release",
    "locate",
    "pin",
    "read_tree",
    "release_of",
    "resolve",
    "warn_if_yanked",
]


@dataclass(frozen=True)
class Pinned:
    """A commit, proven to be what was asked for, as far as that can be seen without its large files.

    Attributes:
        repo: Where it is.
        release: What it is; ``release.manifest`` is None for a commit that was not made by hfver.
        tree: Its files as the Hub lists them; None if that was checked on an earlier day.
        files: Its files as a lock holds them; of a commit that was not made by hfver only.
        raw: Its manifest's bytes; None for a commit that was not made by hfver, or no release yet.
    """

    repo: HubRepo = field(repr=False)
    release: Release
    tree: Mapping[str, TreeFile] | None = None
    files: Mapping[str, FileEntry] | None = None
    raw: bytes | None = field(default=None, repr=False)


def resolve(hub: Hub, ref: Ref, trust: TrustOptions = TrustOptions(), state: RepoState | None = None) -> Pinned:
    """Find the release that a reference means, and check the whole chain of evidence.

    A commit that was verified before costs no request; anything else costs one if nothing changed on the Hub.

    Args:
        hub: Where to look.
        ref: What is meant.
        trust: What must hold for the repo to be believed.
        state: The repo's state, if the caller has read it already.

    Raises:
        HubNotFound: No such repo, version, pull request or stage; or no release is in the range.
        Refused: The version is pending: its release was not finished.
        VerificationError: Something on the Hub is not what the ledger or manifest says.
        SignatureInvalid: The policy asks for a signature that is not there.
    """
    pinned = locate(hub, ref, trust, state)
    check_signed(pinned.repo, pinned.release, policy=trust.policy)
    return pinned


def locate(hub: Hub, ref: Ref, trust: TrustOptions = TrustOptions(), state: RepoState | None = None) -> Pinned:
    """Resolve a reference without asking for a signature: for a base, which its lineage pins to a commit."""
    repo = state.repo if state else hub.repo(ref.repo)
    if isinstance(ref.spec, Commit) and (known := _remembered(repo, ref.spec.sha, trust)):
        return known
    state = state or read_state(repo, trust)
    if isinstance(ref.spec, Commit):
        entry = state.ledger.at_commit(ref.spec.sha)
        return pin(state, entry) if entry else _pin_commit(state, ref.spec.sha)
    if isinstance(ref.spec, PullRequest):
        return _pin_commit(state, behind(repo, _head_of(state, ref.spec)))
    return pin(state, choose(state, ref))


def choose(state: RepoState, ref: Ref) -> Entry:
    """Choose the ledger entry that a version, a range, ``latest`` or a stage means."""
    spec, ledger = ref.spec, state.ledger
    if isinstance(spec, Stage):
        raise HubNotFound(f"{ref.repo} has no stage {spec.name!r}.", f"See its releases: hfver versions {ref.repo}")
    if isinstance(spec, Version):
        entry = ledger.find(spec)
    elif isinstance(spec, Range):
        live = (entry.version for entry in ledger.entries if entry.yanked is None)
        best = spec.best(live)
        entry = ledger.find(best) if best else None
    else:
        entry = ledger.newest()
    return entry or _nothing_found(state, ref)


def pin(state: RepoState, entry: Entry) -> Pinned:
    """Check a ledger entry's chain of evidence: tag, manifest, what was before it, tree."""
    where = f"{state.repo}@{entry.version}"
    check_tag(state.repo, state.refs.tags, entry)
    memory = state.repo.memory
    # Adopted versions may share a commit; each has a manifest of its own, and only one of them is remembered.
    known = memory.manifest(entry.commit)
    raw, tree = known if known and digest_of(known) == entry.line.digest else None, None
    if raw is None:
        raw, known = _read_manifest(state, entry, where), None
    check_digest(raw, entry, where)
    manifest = Manifest.decode(raw, where)
    check_binding(manifest, state.names, str(entry.version), where)
    check_content_digest(manifest, entry, where)
    check_past(state.ledger, manifest, digest_of(raw), where)
    if known is None:
        tree = read_tree(state.repo, entry.commit, where)
        check_tree(tree, manifest, where)
        memory.remember_manifest(entry.commit, raw)
    return Pinned(state.repo, release_of(state.repo, entry, manifest), tree, raw=raw)


def _remembered(repo: HubRepo, commit: str, trust: TrustOptions) -> Pinned | None:
    """Recall a commit that was verified before: nothing about it can have changed."""
    memory = repo.memory
    if raw := memory.manifest(commit):
        manifest = Manifest.decode(raw, f"{repo}@{commit}")
        entry = _remembered_entry(repo, trust, commit)
        known = release_of(repo, entry, manifest) if entry else None
        return Pinned(repo, known or candidate_release(repo, commit, manifest, digest_of(raw)), raw=raw)
    if memory.files(commit, whole=True) or memory.files(commit, whole=False):
        return Pinned(repo, Release(repo=repo.name, commit=commit, url=repo.url(commit), published=False))
    return None


def _remembered_entry(repo: HubRepo, trust: TrustOptions, commit: str) -> Entry | None:
    """Recall the line of a release: whether it was yanked when its ledger was last seen."""
    ledger = repo.memory.ledger()
    return Ledger.decode(ledger.raw, repo.name, trust.mirror_of).at_commit(commit) if ledger else None


def warn_if_yanked(release: Release) -> None:
    """Warn that a release was withdrawn; an exact pin still loads."""
    if release.yanked is not None:
        warnings.warn(f"{release} was yanked: {release.yanked}", UserWarning, stacklevel=4)


def _pin_commit(state: RepoState, commit: str) -> Pinned:
    """Pin a commit that the ledger does not name: a candidate, or one that hfver did not make."""
    where = f"{state.repo}@{commit[:12]}"
    tree = state.repo.tree(commit)
    if MANIFEST not in tree:
        return Pinned(state.repo, Release(state.repo.name, commit, state.repo.url(commit), published=False), tree)
    raw = state.repo.read(commit, MANIFEST)
    manifest = Manifest.decode(raw, where)
    check_binding(manifest, state.names, manifest.version, where)
    try:
        check_tree(tree, manifest, where)
    except VerificationError as error:
        raise _with_hint(error, state, manifest.version) from None
    return Pinned(state.repo, candidate_release(state.repo, commit, manifest, digest_of(raw)), tree)


def _with_hint(error: VerificationError, state: RepoState, version: str) -> VerificationError:
    entry = next((entry for entry in state.ledger.entries if str(entry.version) == version), None)
    if entry is None:
        return error
    return type(error)(error.message, f"Release {version} is commit {entry.commit}: {state.repo}@{version}")


def _head_of(state: RepoState, spec: PullRequest) -> str:
    if spec.number not in state.refs.pull_requests:
        raise HubNotFound(f"{state.repo} has no pull request {spec.number}.", f"See {state.repo} on the Hub.")
    return state.refs.pull_requests[spec.number]


def _nothing_found(state: RepoState, ref: Ref) -> Entry:
    if isinstance(ref.spec, Version) and ref.spec in state.pending:
        raise Refused(
            f"{ref} is pending: its tag is there, and its release was not finished.",
            "Run the release command again; it completes what is pending. "
            f"A tag that hfver did not make is taken up by: hfver adopt {ref.repo}",
        )
    known = sorted((entry.version for entry in state.ledger.entries), reverse=True)
    if not known:
        raise HubNotFound(
            f"{ref.repo} has no hfver releases.",
            f"Its version tags can become releases: hfver adopt {ref.repo}"
            if state.pending
            else f"Name a commit ({ref.repo}@<40 hex digits>), or publish one: hfver release DIR --repo {ref.repo}",
        )
    what = "no stable release" if isinstance(ref.spec, Latest) else f"no release {ref.spec}"
    if yanked := _yanked_best(state, ref):
        raise HubNotFound(
            f"{ref.repo} has {what} that stands: {yanked.version} was yanked: {yanked.yanked}",
            f"Ranges pass over it. To use it all the same, name it: {ref.repo}@{yanked.version}",
        )
    raise HubNotFound(f"{ref.repo} has {what}.", f"It has: {_shortened(known)}")


def _yanked_best(state: RepoState, ref: Ref) -> Entry | None:
    """Find what a range would mean if nothing had been yanked."""
    yanked = [entry for entry in state.ledger.entries if entry.yanked is not None]
    if isinstance(ref.spec, Range):
        best = ref.spec.best(entry.version for entry in yanked)
        return next((entry for entry in yanked if entry.version == best), None)
    stable = [entry for entry in yanked if not entry.version.prerelease]
    return max(stable, key=lambda entry: entry.version, default=None) if isinstance(ref.spec, Latest) else None


def _shortened(versions: Iterable[Version]) -> str:
    names = [str(version) for version in versions]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _read_manifest(state: RepoState, entry: Entry, where: str) -> bytes:
    """Read a release's manifest: from its commit, or from ``main`` if it was adopted."""
    if entry.line.event == "adopt":
        path = f"{ADOPTED}{entry.version}.json"
        raw = state.repo.find(state.refs.main, path)
        if raw is None:
            raise FileMissing(
                f"{where}: its manifest, {path}, is gone from main.",
                f"It is in the history of {state.repo}'s main: put it back as it was.",
            )
        return raw
    try:
        return state.repo.read(entry.commit, MANIFEST)
    except HubNotFound:
        raise _gone(state.repo, entry.commit, where) from None


def read_tree(repo: HubRepo, commit: str, where: str) -> dict[str, TreeFile]:
    """List the files of a release's commit.

    Raises:
        CommitGone: The repo answers, and does not have it.
    """
    try:
        return repo.tree(commit)
    except HubNotFound:
        raise _gone(repo, commit, where) from None


def _gone(repo: HubRepo, commit: str, where: str) -> CommitGone:
    return CommitGone(
        f"{where}: the ledger says commit {commit}, and the repo answers without it.",
        f"The history of {repo} was rewritten; ask its owner. A copy of the release proves itself: hfver verify DIR",
    )
