"""Adopt: releases that were made without hfver come under the ledger, and nothing is rewritten.

A tag ``vX.Y.Z`` that hfver did not make gets a line in the ledger. Its commit stays as it is, so its manifest lies on
``main``, below ``.hfver/adopted/``. All of it is one commit. A repo that was moved notes its new name the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from hfver.core.ledger import Line
from hfver.core.manifest import ADOPTED, LEDGER, FileEntry, Manifest, content_digest, digest_of
from hfver.core.results import Adopted, Adoption, Skipped
from hfver.core.version import Version, bump_between, tag_of, version_of_tag
from hfver.errors import Refused
from hfver.hub import Put
from hfver.hub.client import HubRepo
from hfver.hub.git.clone import Clone, GitTree, with_clone
from hfver.hub.lfs_objects import lacking_objects
from hfver.registry.append import Event, append
from hfver.registry.release_checks import UNLISTED
from hfver.registry.state import RepoState, TrustOptions, read_state
from hfver.releasing.publish import complete_pending

__all__ = ["adopt", "note_rename"]


@dataclass(frozen=True)
class _Found:
    """A tagged commit that can be adopted: what its files are, when it was made and by whom."""

    version: Version
    commit: str
    files: Mapping[str, FileEntry] = field(repr=False)
    made_at: datetime
    made_by: str


def adopt(repo: HubRepo, trust: TrustOptions = TrustOptions(), *, dry_run: bool = False) -> Adoption:
    """Bring tags that hfver did not make under the ledger; run again, it takes up what came since.

    Args:
        repo: The repo.
        trust: What must hold for the repo to be believed.
        dry_run: Say what would be adopted and write nothing.

    Raises:
        UsageError: There is no git program.
        VerificationError: The ledger is broken, or another than was seen before.
        HubError: There is no such repo, or it may not be written.
        Conflict: ``main`` never stood still.
    """
    state = read_state(repo, trust)
    if not dry_run:
        state = complete_pending(state)
    found, skipped = with_clone(repo, partial(_look, state))
    if found and not dry_run:
        state = append(state, lambda now: _event(now, found))
    left = sorted(tag for tag in state.refs.tags if version_of_tag(tag) is None)
    releases = tuple(
        Adopted(str(one.version), one.commit, len(one.files), sum(entry.size for entry in one.files.values()))
        for one in found
    )
    return Adoption(repo.name, releases, skipped, tuple(left), dry_run)


def note_rename(repo: HubRepo, old: str) -> Adoption:
    """Note in the ledger that the repo was moved here, so that its releases under the old name are its own.

    Raises:
        Refused: The ledger is not that of ``old``, or ``old`` is still there: this one is a copy.
        VerificationError: The ledger is broken, or another than was seen before.
        HubError: There is no such repo, or it may not be written.
    """
    state = read_state(repo, TrustOptions(mirror_of=old))
    done = Adoption(repo.name, renamed_from=old)
    if state.ledger.lines and state.ledger.lines[-1].repo.lower() == repo.name.lower():
        return done
    if old.lower() not in state.ledger.names:
        raise Refused(f"The ledger of {repo} has no release of {old}.", f"See whose they are: hfver versions {repo}")
    _check_moved(state, old)
    append(state, lambda now: _rename(now, old))
    return done


def _look(state: RepoState, clone: Clone) -> tuple[tuple[_Found, ...], tuple[Skipped, ...]]:
    """Read every tagged commit without a line: ordinary files by content, large ones by their LFS pointers."""
    pending = sorted(state.pending.items())
    clone.fetch(commit for _, commit in pending)
    trees = {commit: clone.tree(commit) for _, commit in pending}
    why = {commit: _obstacle(tree) for commit, tree in trees.items()}
    clone.fetch(blob for commit, tree in trees.items() if tree and not why[commit] for blob in tree.blobs.values())
    files = {commit: _files(clone, tree) for commit, tree in trees.items() if tree and not why[commit]}
    why |= _without_objects(state.repo, clone, trees, files)
    found = (
        _Found(version, commit, files[commit], *clone.made(commit)) for version, commit in pending if not why[commit]
    )
    skipped = (Skipped(tag_of(version), commit, why[commit]) for version, commit in pending if why[commit])
    return tuple(found), tuple(skipped)


def _obstacle(tree: GitTree | None) -> str:
    """Say why a commit cannot be a release; empty if it can."""
    if tree is None:
        return "its commit is gone"
    if tree.odd:
        path, what = min(tree.odd.items())
        return f"{path} is {what}; a release has files only"
    if own := next((path for path in sorted(tree.blobs) if path.startswith(".hfver/")), None):
        return f"it holds {own}: it is a release of hfver's for another name, or a commit of main"
    if not tree.blobs.keys() - UNLISTED:
        return "it has no files"
    try:
        Manifest.check_paths(tree.blobs)
    except ValueError as error:
        return str(error)
    return ""


def _files(clone: Clone, tree: GitTree) -> dict[str, FileEntry]:
    return {path: clone.entry(blob) for path, blob in tree.blobs.items() if path not in UNLISTED}


def _without_objects(
    repo: HubRepo,
    clone: Clone,
    trees: Mapping[str, GitTree | None],
    files: Mapping[str, Mapping[str, FileEntry]],
) -> dict[str, str]:
    """Find commits whose large files are gone from the Hub: nobody could load them."""
    large = {
        commit: {path: entry for path, entry in entries.items() if clone.is_pointer(tree.blobs[path])}
        for commit, entries in files.items()
        for tree in [trees[commit]]
        if tree
    }
    lacking = lacking_objects(repo, (entry for entries in large.values() for entry in entries.values()))
    gone = {
        commit: next((path for path, entry in sorted(entries.items()) if entry.sha256 in lacking), None)
        for commit, entries in large.items()
    }
    return {commit: f"the content of {path} is gone from the Hub" for commit, path in gone.items() if path}


def _event(state: RepoState, found: Iterable[_Found]) -> Event | None:
    """Make a line and a manifest for each that has no line yet, the lower version first."""
    wanted = [one for one in found if state.pending.get(one.version) == one.commit]
    if not wanted:
        return None
    repo = state.ledger.lines[-1].repo if state.ledger.lines else state.repo.name
    digests = {entry.version: str(entry.line.digest) for entry in state.ledger.entries}
    now, lines, files = datetime.now(UTC).replace(microsecond=0), [], []
    for one in wanted:
        before = max((version for version in digests if version < one.version), default=None)
        manifest = Manifest(
            repo=repo,
            version=str(one.version),
            previous=digests[before] if before else None,
            ledger_head=state.ledger.head,
            content_digest=content_digest(one.files),
            bump=bump_between(before, one.version),
            created_at=one.made_at,
            created_by=one.made_by,
            files=one.files,
        )
        raw = manifest.encode()
        digests[one.version] = digest_of(raw)
        files.append(Put(f"{ADOPTED}{one.version}.json", raw))
        lines.append(
            Line(
                event="adopt",
                repo=repo,
                version=str(one.version),
                commit=one.commit,
                digest=digest_of(raw),
                content_digest=manifest.content_digest,
                bump=manifest.bump,
                date=now,
                author=state.repo.hub.user,
            )
        )
    names = ", ".join(str(one.version) for one in wanted[:5]) + (", …" if len(wanted) > 5 else "")
    return Event(lines, f"Adopt {names}", "Made without hfver; nothing was rewritten.", files)


def _check_moved(state: RepoState, old: str) -> None:
    """Tell a repo that was moved from a copy: the old name leads here, or to nothing that has these releases."""
    former = state.repo.hub.repo(old)
    name = former.find_name()
    if name is None or name.lower() == state.repo.name.lower():
        return
    theirs = former.find(former.refs().main, LEDGER) or b""
    if theirs.splitlines()[:1] == state.ledger.raw.splitlines()[:1]:
        raise Refused(
            f"{old} is still there with these releases: {state.repo} is a copy of it, and not the same repo moved.",
            f"Read it knowingly: hfver versions {state.repo} --mirror-of {old}",
        )


def _rename(state: RepoState, old: str) -> Event | None:
    if state.ledger.lines[-1].repo.lower() == state.repo.name.lower():
        return None
    now = datetime.now(UTC).replace(microsecond=0)
    line = Line(event="rename", repo=state.repo.name, date=now, author=state.repo.hub.user)
    return Event([line], f"Note that {old} was renamed to {state.repo}")
