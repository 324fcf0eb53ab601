"""Resolve: from ``ns/name@SPEC`` to one commit that is proven to be that release.

Every reader fails closed: the tag points to the ledger's commit, that commit's tree equals its manifest, the
manifest's digest equals the ledger's, its repo and version are the ones asked for, and the ledger's chain is whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hfver.errors import (
    DigestMismatch,
    FileMissing,
    HubNotFound,
    LedgerBroken,
    Refused,
    TagMoved,
    VerificationError,
)
from hfver.hub import Hub, Refs, TreeFile
from hfver.manifest import LEDGER, MANIFEST, Manifest, digest_of
from hfver.memory import Memory
from hfver.records import Entry, Ledger
from hfver.ref import Commit, Latest, PullRequest, Ref, Stage
from hfver.results import Release, Versions
from hfver.verifying import check_tree
from hfver.version import Range, Version, tag_of, version_of_tag

__all__ = [
    "Pinned",
    "RepoState",
    "candidate_release",
    "list_versions",
    "pin",
    "read_state",
    "release_of",
    "resolve",
    "state_at",
]


@dataclass(frozen=True)
class RepoState:
    """What a repo says of itself at one moment."""

    repo: str
    refs: Refs
    ledger: Ledger

    @property
    def pending(self) -> dict[Version, str]:
        """Version tags without a ledger line, with the commits they point to."""
        published = {entry.version for entry in self.ledger.entries}
        tags = {version_of_tag(tag): commit for tag, commit in self.refs.tags.items()}
        return {version: commit for version, commit in tags.items() if version and version not in published}


@dataclass(frozen=True)
class Pinned:
    """A commit, proven to be what was asked for, as far as that can be seen without its large files.

    Attributes:
        release: What it is; ``release.manifest`` is None for a commit that was not made by hfver.
        tree: Its files as the Hub lists them; None if that was checked on an earlier day.
    """

    release: Release
    tree: Mapping[str, TreeFile] | None = None


def resolve(hub: Hub, ref: Ref) -> Pinned:
    """Find the release that a reference means, and check the whole chain of evidence.

    A commit that was verified before costs no request; anything else costs one if nothing changed on the Hub.

    Raises:
        HubNotFound: No such repo, version, pull request or stage; or no release is in the range.
        Refused: The version is pending: its release was not finished.
        VerificationError: Something on the Hub is not what the ledger or manifest says.
    """
    if isinstance(ref.spec, Commit) and (known := _remembered(hub, ref.repo, ref.spec.sha)):
        return known
    state = read_state(hub, ref.repo)
    if isinstance(ref.spec, Commit):
        entry = state.ledger.at_commit(ref.spec.sha)
        return pin(hub, state, entry) if entry else _pin_commit(hub, state, ref.spec.sha)
    if isinstance(ref.spec, PullRequest):
        return _pin_commit(hub, state, _head_of(state, ref.spec))
    return pin(hub, state, choose(state, ref))


def read_state(hub: Hub, repo: str) -> RepoState:
    """Read refs and ledger; the ledger is only fetched if ``main`` moved since it was last seen.

    Raises:
        LedgerBroken: The ledger is unreadable, its chain is broken, or it does not continue the one seen before.
    """
    return state_at(hub, repo, hub.refs(repo))


def state_at(hub: Hub, repo: str, refs: Refs) -> RepoState:
    """Read the ledger that belongs to refs which were just read."""
    memory = Memory(hub.identity, repo)
    remembered = memory.ledger()
    if remembered and remembered.main == refs.main:
        return RepoState(repo, refs, Ledger.decode(remembered.raw, repo))
    ledger = Ledger.decode(hub.find(repo, refs.main, LEDGER) or b"", repo)
    if remembered and not ledger.extends(Ledger.decode(remembered.raw, repo).head):
        raise LedgerBroken(
            f"The ledger of {repo} was rewritten: it no longer holds the line that this machine saw last.",
            f"If the repo was deleted and made anew on purpose, remove {memory.folder} and run the command again.",
        )
    memory.remember_ledger(refs.main, ledger.raw)
    return RepoState(repo, refs, ledger)


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


def pin(hub: Hub, state: RepoState, entry: Entry) -> Pinned:
    """Check a ledger entry's chain of evidence: tag, manifest, tree."""
    where = f"{state.repo}@{entry.version}"
    _check_tag(state, entry)
    memory = Memory(hub.identity, state.repo)
    raw, tree = memory.manifest(entry.commit), None
    if raw is None:
        raw = _read_manifest(hub, state.repo, entry.commit, where)
    _check_digest(raw, entry, where)
    manifest = Manifest.decode(raw, where)
    _check_binding(manifest, state.repo, str(entry.version), where)
    if memory.manifest(entry.commit) is None:
        tree = _read_tree(hub, state.repo, entry.commit, where)
        check_tree(tree, manifest, where)
        memory.remember_manifest(entry.commit, raw)
    return Pinned(release_of(hub, state.repo, entry, manifest), tree)


def list_versions(hub: Hub, repo: str) -> Versions:
    """List a repo's releases from its ledger, newest version first.

    Raises:
        TagMoved: A release's tag is gone or points elsewhere.
    """
    state = read_state(hub, repo)
    for entry in state.ledger.entries:
        _check_tag(state, entry)
    ordered = sorted(state.ledger.entries, key=lambda entry: entry.version, reverse=True)
    releases = tuple(release_of(hub, repo, entry, None) for entry in ordered)
    return Versions(repo, releases, tuple(tag_of(version) for version in sorted(state.pending)))


def release_of(hub: Hub, repo: str, entry: Entry, manifest: Manifest | None) -> Release:
    """Make the value of a published release from its ledger entry."""
    line = entry.line
    return Release(
        repo=manifest.repo if manifest else repo,
        commit=entry.commit,
        url=hub.url(repo, tag_of(entry.version)),
        version=str(entry.version),
        tag=tag_of(entry.version),
        digest=line.digest,
        content_digest=line.content_digest,
        bump=line.bump,
        because=line.because,
        date=line.date,
        author=line.author,
        yanked=entry.yanked,
        manifest=manifest,
        smoke=line.smoke,
    )


def _remembered(hub: Hub, repo: str, commit: str) -> Pinned | None:
    """Recall a commit that was verified before: nothing about it can have changed."""
    memory = Memory(hub.identity, repo)
    if raw := memory.manifest(commit):
        manifest = Manifest.decode(raw, f"{repo}@{commit}")
        return Pinned(candidate_release(hub, repo, commit, manifest, digest_of(raw)))
    if memory.files(commit) is not None:
        return Pinned(Release(repo=repo, commit=commit, url=hub.url(repo, commit), published=False))
    return None


def candidate_release(hub: Hub, repo: str, commit: str, manifest: Manifest, digest: str) -> Release:
    """Make the value of a commit that holds a release, whether or not it is published."""
    return Release(
        repo=manifest.repo,
        commit=commit,
        url=hub.url(repo, commit),
        version=manifest.version,
        digest=digest,
        content_digest=manifest.content_digest,
        published=False,
        manifest=manifest,
    )


def _pin_commit(hub: Hub, state: RepoState, commit: str) -> Pinned:
    """Pin a commit that the ledger does not name: a candidate, or one that hfver did not make."""
    where = f"{state.repo}@{commit[:12]}"
    tree = hub.tree(state.repo, commit)
    if MANIFEST not in tree:
        return Pinned(Release(state.repo, commit, hub.url(state.repo, commit), published=False), tree)
    raw = hub.read(state.repo, commit, MANIFEST)
    manifest = Manifest.decode(raw, where)
    _check_binding(manifest, state.repo, manifest.version, where)
    try:
        check_tree(tree, manifest, where)
    except VerificationError as error:
        raise _with_hint(error, state, manifest.version) from None
    return Pinned(candidate_release(hub, state.repo, commit, manifest, digest_of(raw)), tree)


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
            "Run the release command again; it completes what is pending.",
        )
    known = sorted((entry.version for entry in state.ledger.entries), reverse=True)
    if not known:
        raise HubNotFound(
            f"{ref.repo} has no hfver releases.",
            f"Name a commit ({ref.repo}@<40 hex digits>), or publish one: hfver release DIR --repo {ref.repo}",
        )
    what = "no stable release" if isinstance(ref.spec, Latest) else f"no release {ref.spec}"
    raise HubNotFound(f"{ref.repo} has {what}.", f"It has: {_shortened(known)}")


def _shortened(versions: Iterable[Version]) -> str:
    names = [str(version) for version in versions]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _check_tag(state: RepoState, entry: Entry) -> None:
    found = state.refs.tags.get(tag_of(entry.version))
    if found == entry.commit:
        return
    now = f"points to {found}" if found else "is gone"
    raise TagMoved(
        f"{state.repo}: tag {tag_of(entry.version)} {now}; the ledger says {entry.commit}.",
        f"Somebody moved it. The released bytes are at {state.repo}@{entry.commit}; "
        "ask who has write access before you trust either.",
    )


def _read_manifest(hub: Hub, repo: str, commit: str, where: str) -> bytes:
    try:
        return hub.read(repo, commit, MANIFEST)
    except HubNotFound:
        raise FileMissing(f"{where}: commit {commit} or its {MANIFEST} is gone from the Hub.") from None


def _read_tree(hub: Hub, repo: str, commit: str, where: str) -> dict[str, TreeFile]:
    try:
        return hub.tree(repo, commit)
    except HubNotFound:
        raise FileMissing(f"{where}: commit {commit} is gone from the Hub.") from None


def _check_digest(raw: bytes, entry: Entry, where: str) -> None:
    if digest_of(raw) != entry.line.digest:
        raise DigestMismatch(f"{where}: its manifest is {digest_of(raw)}; the ledger says {entry.line.digest}.")


def _check_binding(manifest: Manifest, repo: str, version: str, where: str) -> None:
    if manifest.repo.lower() != repo.lower() or manifest.version != version:
        raise VerificationError(f"{where}: its manifest is that of {manifest.repo}@{manifest.version}.")
