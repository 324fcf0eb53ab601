"""Resolving a reference, ``ns/name@SPEC``, to one commit that is proven to be that release.

Every reader fails closed. It checks that the tag points to the commit in the ledger, the commit's tree equals its
manifest, the manifest has the digest in the ledger, repo and version are the requested ones, and the ledger's chain of
hashes is intact.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

from hfver.core.ledger import Entry, Ledger
from hfver.core.manifest import ADOPTED, MANIFEST, FileEntry, Manifest, digest_of
from hfver.core.ref import Commit, PullRequest, Ref, Stage
from hfver.core.results import Release
from hfver.core.shorten import shortened
from hfver.core.version import Range, Version, tag_of
from hfver.errors import CommitGone, FileMissing, HubNotFound, VerificationError
from hfver.hub import Hub, TreeFile
from hfver.hub.client import HubRepo
from hfver.registry.not_found import raise_not_found
from hfver.registry.pull_request import release_commit_of
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
    "caught_up",
    "choose_entry",
    "locate",
    "pin",
    "read_tree",
    "release_of",
    "resolve",
    "warn_if_yanked",
]


@dataclass(frozen=True)
class Pinned:
    """A commit that passed every check that is possible without downloading its large files.

    Attributes:
        repo: The repo that has it.
        release: What it is; ``release.manifest`` is None for a commit that hfver did not make.
        tree: Its files as the Hub lists them; None if they were checked by an earlier run.
        files: Its files as a lock records them; only for a commit that hfver did not make.
        raw: The bytes of its manifest; None for a commit that hfver did not make, and for a candidate.
    """

    repo: HubRepo = field(repr=False)
    release: Release
    tree: Mapping[str, TreeFile] | None = None
    files: Mapping[str, FileEntry] | None = None
    raw: bytes | None = field(default=None, repr=False)


def resolve(hub: Hub, ref: Ref, trust: TrustOptions = TrustOptions(), state: RepoState | None = None) -> Pinned:
    """Find the release that a reference means, and check its tag, manifest, tree, predecessors and signature.

    A commit that was verified before needs no request. Anything else needs one, if nothing changed on the Hub.

    Args:
        hub: The Hub.
        ref: The reference.
        trust: What must hold for the repo to be trusted.
        state: The repo's state, if the caller has read it already.

    Raises:
        HubNotFound: There is no such repo, version, pull request or stage, or no release is in the range.
        Refused: The version is pending: its release was not finished.
        VerificationError: The Hub's content does not match the ledger or the manifest.
        SignatureInvalid: The signature that the policy requires is missing or wrong.
    """
    pinned = locate(hub, ref, trust, state)
    check_signed(pinned.repo, pinned.release, policy=trust.policy)
    return pinned


def locate(hub: Hub, ref: Ref, trust: TrustOptions = TrustOptions(), state: RepoState | None = None) -> Pinned:
    """Resolve a reference as `resolve` does, but without a signature check.

    A base needs no signature of its own, because the lineage that its adapter's signature covers pins it to a commit.
    """
    repo = state.repo if state else hub.repo(ref.repo)
    if isinstance(ref.spec, Commit) and (known := _remembered(repo, ref.spec.sha, trust)):
        return known
    state = state or read_state(repo, trust)
    if isinstance(ref.spec, Commit):
        entry = state.ledger.at_commit(ref.spec.sha)
        return pin(state, entry) if entry else _pin_commit(state, ref.spec.sha)
    if isinstance(ref.spec, PullRequest):
        return _pin_commit(state, release_commit_of(repo, _head_of(state, ref.spec)))
    state = caught_up(state, ref)
    return pin(state, choose_entry(state, ref))


def caught_up(state: RepoState, ref: Ref) -> RepoState:
    """Return a state that has the exact version of a reference, if the Hub has its tag.

    Refs from a cache may be older than the release: a machine without memory cannot know, but the Hub is asked for the
    tag before a version is said not to exist.
    """
    if not isinstance(ref.spec, Version) or ref.spec in state.pending or state.ledger.find(ref.spec):
        return state
    if state.commit_of_tag(tag_of(ref.spec)) is None:
        return state
    for pause in state.repo.lag_pauses(written=True):
        time.sleep(pause)
        state = read_state(state.repo, state.trust)
        if state.ledger.find(ref.spec):
            break
    return state


def choose_entry(state: RepoState, ref: Ref) -> Entry:
    """Choose the ledger entry that a version, a range or ``latest`` means.

    Raises:
        HubNotFound: No release matches.
        Refused: The version is pending.
    """
    spec, ledger = ref.spec, state.ledger
    if isinstance(spec, Version):
        entry = ledger.find(spec)
    elif isinstance(spec, Range):
        best = spec.best(entry.version for entry in ledger.entries if entry.yanked is None)
        entry = ledger.find(best) if best else None
    else:
        entry = None if isinstance(spec, Stage) else ledger.newest()
    return entry or raise_not_found(state, ref)


def pin(state: RepoState, entry: Entry) -> Pinned:
    """Check a release of the ledger: its tag, its manifest, the releases before it, and its tree.

    Raises:
        VerificationError: One of them does not match the ledger.
    """
    where = f"{state.repo}@{entry.version}"
    check_tag(state.repo, state.refs.tags, entry, state.commit_of_tag)
    memory = state.repo.memory
    # Adopted versions may share a commit. Each has its own manifest, but only one of them is remembered.
    known = memory.manifest(entry.commit)
    raw, tree = known if known and digest_of(known) == entry.line.digest else None, None
    if raw is None:
        raw, known = _read_manifest(state, entry, where), None
    check_digest(raw, entry, where)  # before the bytes are parsed: the ledger says which bytes they must be
    manifest = Manifest.decode(raw, where)
    check_binding(manifest, state.names, str(entry.version), where)
    check_content_digest(manifest, entry, where)
    check_past(state.ledger, manifest, digest_of(raw), where)
    if known is None:
        # Only the first time: a commit cannot change, so a tree that matched once matches for ever.
        tree = read_tree(state.repo, entry.commit, where)
        check_tree(tree, manifest, where)
        memory.remember_manifest(entry.commit, raw)
    return Pinned(state.repo, release_of(state.repo, entry, manifest), tree, raw=raw)


def _remembered(repo: HubRepo, commit: str, trust: TrustOptions) -> Pinned | None:
    """Recall a commit that was verified before: a commit cannot change."""
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
    """Recall the ledger entry of a commit, which also has the yank that the ledger had when it was last read."""
    ledger = repo.memory.ledger()
    return Ledger.decode(ledger.raw, repo.name, trust.mirror_of).at_commit(commit) if ledger else None


def warn_if_yanked(release: Release) -> None:
    """Warn that a release was yanked: an exact version, a commit or a lock still loads it."""
    if release.yanked is not None:
        warnings.warn(f"{release} was yanked: {shortened(release.yanked)}", UserWarning, stacklevel=4)


def _pin_commit(state: RepoState, commit: str) -> Pinned:
    """Pin a commit that is not in the ledger: a candidate, or a commit that hfver did not make."""
    where = f"{state.repo}@{commit[:12]}"
    tree = state.repo.tree(commit)
    if MANIFEST not in tree:
        return Pinned(state.repo, Release(state.repo.name, commit, state.repo.url(commit), published=False), tree)
    raw = state.repo.read(commit, MANIFEST)
    manifest = Manifest.decode(raw, where)
    check_binding(manifest, state.names, manifest.version, where)
    # A commit with a manifest must match it. Otherwise a release to which somebody added a file would load as a plain
    # commit, without any check.
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
        raise HubNotFound(
            f"{state.repo} has no pull request {spec.number}.", f"See its pull requests: {state.repo.url()}/discussions"
        )
    return state.refs.pull_requests[spec.number]


def _read_manifest(state: RepoState, entry: Entry, where: str) -> bytes:
    """Read a release's manifest: from its commit, or from ``main`` if it was adopted."""
    if entry.line.event == "adopt":
        path = f"{ADOPTED}{entry.version}.json"
        raw = state.repo.find(state.refs.main, path)
        if raw is None:
            raise FileMissing(
                f"{where}: its manifest, {path}, is missing from main.",
                f"Restore the file from the history of {state.repo}'s main.",
            )
        return raw
    try:
        return state.repo.read(entry.commit, MANIFEST)
    except HubNotFound:
        raise _commit_gone(state.repo, entry.commit, where) from None


def read_tree(repo: HubRepo, commit: str, where: str) -> dict[str, TreeFile]:
    """List the files of a release's commit.

    Raises:
        CommitGone: The repo exists, but does not have the commit.
    """
    try:
        return repo.tree(commit)
    except HubNotFound:
        raise _commit_gone(repo, commit, where) from None


def _commit_gone(repo: HubRepo, commit: str, where: str) -> CommitGone:
    return CommitGone(
        f"{where}: the ledger names commit {commit}, which the repo does not have.",
        f"The history of {repo} was rewritten: contact its owner. If you have a copy of the release, "
        "check it: hfver verify DIR",
    )
