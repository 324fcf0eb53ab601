"""Adopt: add releases that were made without hfver to the ledger, without rewriting anything.

Every tag ``vX.Y.Z`` that hfver did not create gets a line in the ledger. Its commit cannot change, so its manifest is
stored on ``main``, below ``.hfver/adopted/``. All of this is one commit. The new name of a repo that was moved is
recorded in the ledger the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from hfver.core.ledger import Line
from hfver.core.manifest import ADOPTED, LEDGER, FileEntry, Manifest, content_digest, digest_of
from hfver.core.results import Adopted, Adoption, Skipped
from hfver.core.version import Bump, Version, bump_between, tag_of, version_of_tag
from hfver.errors import Refused
from hfver.hub import AddFile
from hfver.hub.client import HubRepo
from hfver.hub.git.clone import Clone, GitTree, with_clone
from hfver.hub.lfs_objects import lacking_objects
from hfver.registry.append import LedgerUpdate, append
from hfver.registry.release_checks import UNLISTED
from hfver.registry.state import RepoState, TrustOptions, read_state
from hfver.releasing.publish import complete_pending

__all__ = ["adopt", "note_rename"]


@dataclass(frozen=True)
class _TaggedCommit:
    """A tagged commit that can be adopted: its files, its date and its author.

    ``target`` is what refs say that the tag points to: the commit, or the object of an annotated tag.
    """

    version: Version
    commit: str
    target: str
    files: Mapping[str, FileEntry] = field(repr=False)
    created_at: datetime
    created_by: str


def adopt(repo: HubRepo, trust: TrustOptions = TrustOptions(), *, dry_run: bool = False) -> Adoption:
    """Add version tags that hfver did not create to the ledger. A later run adds those that were created since.

    Args:
        repo: The repo.
        trust: What must hold for the repo to be trusted.
        dry_run: Report what would be adopted, and write nothing.

    Raises:
        UsageError: git is not installed.
        VerificationError: The ledger is broken, or does not continue the one seen before.
        HubError: The repo does not exist, or the caller may not write to it.
        Conflict: Other writers kept changing ``main``.
    """
    state = read_state(repo, trust)
    if not dry_run:
        state = complete_pending(state)
    adoptable, skipped = with_clone(repo, partial(_read_commits, state))
    if adoptable and not dry_run:
        state = append(state, lambda now: _adoption(now, adoptable))
    left = sorted(tag for tag in state.refs.tags if version_of_tag(tag) is None)
    releases = tuple(
        Adopted(str(one.version), one.commit, len(one.files), sum(entry.size for entry in one.files.values()))
        for one in adoptable
    )
    return Adoption(repo.name, releases, skipped, tuple(left), dry_run)


def note_rename(repo: HubRepo, old: str) -> Adoption:
    """Record in the ledger that the repo was moved here, so that releases under the old name count as its own.

    Raises:
        Refused: The ledger is not that of ``old``, or ``old`` still exists, so that this repo is a copy.
        VerificationError: The ledger is broken, or does not continue the one seen before.
        HubError: The repo does not exist, or the caller may not write to it.
    """
    state = read_state(repo, TrustOptions(mirror_of=old))
    adoption = Adoption(repo.name, renamed_from=old)
    if _is_named(state):
        return adoption
    if old.lower() not in state.ledger.names:
        raise Refused(
            f"The ledger of {repo} has no release of {old}.", f"See which repo it belongs to: hfver versions {repo}"
        )
    # The way back from a rename to a wrong name: whether a repo of that name has these releases says nothing then.
    if repo.name.lower() not in state.ledger.names:
        _check_moved(state, old)
    append(state, lambda now: _rename(now, old))
    return adoption


def _read_commits(state: RepoState, clone: Clone) -> tuple[tuple[_TaggedCommit, ...], tuple[Skipped, ...]]:
    """Read every tagged commit without a ledger line: regular files by content, large ones by their LFS pointers."""
    pending = [
        (version, tag.commit if (tag := clone.tags.get(tag_of(version))) else target)
        for version, target in sorted(state.pending.items())
    ]
    clone.fetch(commit for _, commit in pending)
    trees = {commit: clone.tree(commit) for _, commit in pending}
    reasons = {commit: _reason_to_skip(tree) for commit, tree in trees.items()}
    clone.fetch(blob for commit, tree in trees.items() if tree and not reasons[commit] for blob in tree.blobs.values())
    files = {commit: _files(clone, tree) for commit, tree in trees.items() if tree and not reasons[commit]}
    reasons |= _missing_objects(state.repo, clone, trees, files)
    adoptable = (
        _TaggedCommit(version, commit, state.pending[version], files[commit], *clone.date_and_author(commit))
        for version, commit in pending
        if not reasons[commit]
    )
    skipped = (Skipped(tag_of(version), commit, reasons[commit]) for version, commit in pending if reasons[commit])
    return tuple(adoptable), tuple(skipped)


def _reason_to_skip(tree: GitTree | None) -> str:
    """Return why a commit cannot become a release; empty if it can."""
    if tree is None:
        return "its commit is missing"
    if tree.odd:
        path, kind = min(tree.odd.items())
        return f"{path} is {kind}; a release holds regular files only"
    if own := next((path for path in sorted(tree.blobs) if path.startswith(".hfver/")), None):
        return f"it contains {own}, so it is an hfver release of a different repo, or a commit of main"
    if not tree.blobs.keys() - UNLISTED:
        return "it has no files"
    try:
        Manifest.check_paths(tree.blobs)
    except ValueError as error:
        return str(error)
    return ""


def _files(clone: Clone, tree: GitTree) -> dict[str, FileEntry]:
    return {path: clone.entry(blob) for path, blob in tree.blobs.items() if path not in UNLISTED}


def _missing_objects(
    repo: HubRepo,
    clone: Clone,
    trees: Mapping[str, GitTree | None],
    files: Mapping[str, Mapping[str, FileEntry]],
) -> dict[str, str]:
    """Find commits whose large files are missing from the Hub: nobody could load them."""
    large = {
        commit: {path: entry for path, entry in entries.items() if clone.is_pointer(tree.blobs[path])}
        for commit, entries in files.items()
        for tree in [trees[commit]]
        if tree
    }
    lacking = lacking_objects(repo, (entry for entries in large.values() for entry in entries.values()))
    missing = {
        commit: next((path for path, entry in sorted(entries.items()) if entry.sha256 in lacking), None)
        for commit, entries in large.items()
    }
    return {commit: f"the content of {path} is missing from the Hub" for commit, path in missing.items() if path}


def _adoption(state: RepoState, adoptable: Iterable[_TaggedCommit]) -> LedgerUpdate | None:
    """Return a ledger line and a manifest for each commit that has no line yet, lower versions first."""
    # Decided again each time main moves: another writer may have adopted some of them, or moved their tags.
    left = [one for one in adoptable if state.pending.get(one.version) == one.target]
    if not left:
        return None
    repo = state.ledger.name or state.repo.name
    digests = {entry.version: str(entry.line.digest) for entry in state.ledger.entries}
    now, lines, files = datetime.now(UTC).replace(microsecond=0), [], []
    for one in left:
        before = max((version for version in digests if version < one.version), default=None)
        previous = digests[before] if before else None
        manifest = _manifest(one, repo, previous, state.ledger.head, bump_between(before, one.version))
        raw = manifest.encode()
        digests[one.version] = digest_of(raw)
        files.append(AddFile(f"{ADOPTED}{one.version}.json", raw))
        lines.append(_line(one, manifest, digest_of(raw), now, state.repo.hub.user))
    names = ", ".join(str(one.version) for one in left[:5]) + (", …" if len(left) > 5 else "")
    return LedgerUpdate(lines, f"Adopt {names}", "Made without hfver; nothing was rewritten.", files)


def _manifest(commit: _TaggedCommit, repo: str, previous: str | None, ledger_head: str | None, bump: Bump) -> Manifest:
    return Manifest(
        repo=repo,
        version=str(commit.version),
        previous=previous,
        ledger_head=ledger_head,
        content_digest=content_digest(commit.files),
        bump=bump,
        created_at=commit.created_at,
        created_by=commit.created_by,
        files=commit.files,
    )


def _line(commit: _TaggedCommit, manifest: Manifest, digest: str, now: datetime, author: str) -> Line:
    return Line(
        event="adopt",
        repo=manifest.repo,
        version=manifest.version,
        commit=commit.commit,
        digest=digest,
        content_digest=manifest.content_digest,
        bump=manifest.bump,
        date=now,
        author=author,
    )


def _check_moved(state: RepoState, old: str) -> None:
    """Refuse a copy: the old name of a moved repo redirects here, or to a repo without these releases."""
    # A Hub redirects the old name of a moved repo to the new one. A new repo that somebody has created under the old
    # name since has a different ledger, or none.
    former = state.repo.hub.repo(old)
    name = former.find_name()
    if name is None or name.lower() == state.repo.name.lower():
        return
    former_ledger = former.find(former.refs().main, LEDGER) or b""
    if former_ledger.splitlines()[:1] == state.ledger.raw.splitlines()[:1]:
        raise Refused(
            f"{old} still exists with these releases, so {state.repo} is a copy of it, not the same repo moved.",
            f"To read the copy: hfver versions {state.repo} --mirror-of {old}",
        )


def _is_named(state: RepoState) -> bool:
    """Return whether the ledger knows the repo by its present name."""
    return (state.ledger.name or "").lower() == state.repo.name.lower()


def _rename(state: RepoState, old: str) -> LedgerUpdate | None:
    if _is_named(state):
        return None
    now = datetime.now(UTC).replace(microsecond=0)
    line = Line(event="rename", repo=state.repo.name, date=now, author=state.repo.hub.user)
    return LedgerUpdate([line], f"Record that {old} was renamed to {state.repo}")
