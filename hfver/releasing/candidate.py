"""Candidates: a draft becomes one commit on a short-lived branch, and a commit is recognised as what a draft became."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from pydantic import ValidationError

from hfver.core.ledger import Ledger
from hfver.core.lfs import lfs_attributes, wants_lfs
from hfver.core.manifest import ATTRIBUTES, MANIFEST, FileEntry, Manifest, digest_of
from hfver.core.progress import Progress
from hfver.core.smoke_report import SmokeSummary
from hfver.core.version import Version, parse_version
from hfver.errors import Conflict, HubError, HubNotFound, VerificationError
from hfver.hub import Delete, Operation, Put, PutLfs, Stale, Taken, TreeFile
from hfver.hub.client import HubRepo
from hfver.hub.listing import Upload
from hfver.hub.upload import Source, upload_objects
from hfver.model.checkpoint import check_unchanged
from hfver.registry.pull_request import behind
from hfver.registry.release_checks import check_past, check_tree, git_blob_id
from hfver.registry.resolve import candidate_release
from hfver.registry.signing import check_signed
from hfver.registry.state import RepoState
from hfver.releasing.draft import Draft

__all__ = ["Candidate", "check_publishable", "commit_candidate", "drop_branch", "drop_left", "find_candidate"]


@dataclass(frozen=True)
class Candidate:
    """A commit that holds a release and is not yet a version."""

    commit: str
    manifest: Manifest
    digest: str
    tree: Mapping[str, TreeFile] = field(repr=False)
    bytes_sent: int = 0
    content: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Regular files that are at hand; the others are read from the Hub when they are needed."""

    @property
    def version(self) -> Version:
        """The version that it wants to be."""
        return parse_version(self.manifest.version)


def commit_candidate(state: RepoState, draft: Draft, progress: Progress) -> Candidate:
    """Upload what the Hub lacks and commit the release on its own branch, made from ``main``.

    Raises:
        BadCheckpoint: A file changed since it was read.
        Conflict: Another process releases the same content at the same time.
        VerificationError: The commit is not what was sent.
    """
    repo, main = state.repo, state.refs.main
    base = repo.tree(main)
    files = {**draft.manifest.files, **{path: _entry(data) for path, data in draft.unlisted.items()}}
    sources: dict[str, Source] = {**draft.sources, **draft.unlisted}
    large = _large_files(repo, sources, files, base)
    sent = upload_objects(repo, {path: sources[path] for path in large}, files, progress)
    check_unchanged(draft.checkpoint)
    sources[ATTRIBUTES] = lfs_attributes(large)
    content = {path: _content(source) for path, source in sources.items() if path not in large}
    operations = [
        *_changes(base, content, {path: files[path] for path in large}),
        *(Delete(path) for path in base if path not in sources),
    ]
    _start_branch(state, draft.branch)
    commit = _commit(repo, draft, operations, parent=main)
    tree = _check_candidate(repo, commit, draft.manifest, content)
    return Candidate(commit, draft.manifest, draft.digest, tree, sent, content)


def find_candidate(state: RepoState, version: Version, commit: str) -> Candidate | None:
    """Read a pending tag's commit as a candidate, after the checks that it would have had; None for any other."""
    where = f"{state.repo}@{version}"
    try:
        raw = state.repo.read(commit, MANIFEST)
        manifest = Manifest.decode(raw, where)
        tree = state.repo.tree(commit)
        check_tree(tree, manifest, where)
        check_publishable(state.ledger, manifest, digest_of(raw), where)
        release = candidate_release(state.repo, commit, manifest, digest_of(raw))
        check_signed(state.repo, release, policy=state.trust.policy)
    except (VerificationError, HubNotFound):
        return None
    ours = manifest.repo.lower() == state.repo.name.lower() and manifest.version == str(version)
    return Candidate(commit, manifest, digest_of(raw), tree) if ours else None


def check_publishable(ledger: Ledger, manifest: Manifest, digest: str, where: str) -> None:
    """Check of a candidate's manifest what no reader could undo once it has its line.

    Raises:
        LedgerRewritten: It was made after something that is not in the ledger.
        VerificationError: What it says of its smoke eval is no summary of one.
    """
    check_past(ledger, manifest, digest, where)
    try:
        if manifest.smoke:
            SmokeSummary.model_validate(manifest.smoke)
    except ValidationError:
        raise VerificationError(f"The manifest of {where} is broken: smoke is no summary of a smoke eval.") from None


def _start_branch(state: RepoState, branch: str) -> None:
    """Make the branch anew: one that an earlier run left is of no use, its objects are."""
    if branch in state.refs.branches:
        state.repo.delete_branch(branch)
    # A branch that is there now is ours (the answer was lost) or a twin's: the commit's parent decides who goes on.
    with suppress(Taken):
        state.repo.create_branch(branch, state.refs.main)


def _large_files(
    repo: HubRepo,
    sources: Mapping[str, Source],
    files: Mapping[str, FileEntry],
    base: Mapping[str, TreeFile],
) -> set[str]:
    """Decide which files go to Git-LFS: by our own rules, and by the Hub's for those that are new to it."""
    large = {path for path in sources if wants_lfs(path, files[path].size)}
    unsure = [path for path in sources if path not in large and files[path].size and path not in base]
    uploads = [Upload(path, files[path].size, _sample(sources[path])) for path in unsure]
    modes = repo.upload_modes("main", uploads) if uploads else {}
    kept = {path for path, file in base.items() if file.sha256 and path in sources and files[path].size}
    return large | kept | {path for path, mode in modes.items() if mode == "lfs"}


def _sample(source: Source) -> bytes:
    if isinstance(source, bytes):
        return source[:512]
    with source.open("rb") as file:
        return file.read(512)


def _content(source: Source) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


def _entry(content: bytes) -> FileEntry:
    return FileEntry(size=len(content), sha256=digest_of(content).removeprefix("sha256:"))


def _changes(
    base: Mapping[str, TreeFile], content: Mapping[str, bytes], large: Mapping[str, FileEntry]
) -> Iterator[Operation]:
    """Write what differs from a tree: regular files by their git blob id, LFS objects by their SHA-256."""
    for path, data in sorted(content.items()):
        file = base.get(path)
        if file is None or file.sha256 or file.blob != git_blob_id(data):
            yield Put(path, data)
    for path, entry in sorted(large.items()):
        file = base.get(path)
        if file is None or file.sha256 != entry.sha256:
            yield PutLfs(path, entry.sha256, entry.size)


def _commit(repo: HubRepo, draft: Draft, operations: Iterable[Operation], parent: str) -> str:
    digests = f"Release digest: {draft.digest}\nContent digest: {draft.manifest.content_digest}\n"
    description = f"{draft.message}\n\n{digests}".lstrip()
    try:
        return repo.commit(draft.branch, operations, summary=draft.summary, description=description, parent=parent)
    except Stale:
        head = repo.refs().branches.get(draft.branch)
        if head and repo.find(head, MANIFEST) == draft.manifest_bytes:
            return behind(repo, head)
    except HubNotFound:
        pass
    raise Conflict(
        f"{repo}: branch {draft.branch} was changed meanwhile; the same content is being released elsewhere.",
        "Wait for it to finish, then run the command again.",
    )


def _check_candidate(
    repo: HubRepo, commit: str, manifest: Manifest, content: Mapping[str, bytes]
) -> dict[str, TreeFile]:
    """Compare what the Hub made of the commit with what was sent."""
    where = f"{repo}@{commit[:12]}"
    tree = repo.tree(commit)
    check_tree(tree, manifest, where)
    for path, data in content.items():
        if path not in tree or tree[path].blob != git_blob_id(data):
            raise VerificationError(f"{where}: the Hub holds another {path} than was sent.")
    return tree


def drop_branch(repo: HubRepo, branch: str) -> None:
    """Remove the candidate's branch; one that stays is removed by the next run."""
    with suppress(HubError):
        repo.delete_branch(branch)


def drop_left(state: RepoState, branch: str) -> None:
    """Remove the branch of a run that was killed when all but that was done."""
    if branch in state.refs.branches:
        drop_branch(state.repo, branch)
