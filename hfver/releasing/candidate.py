"""Candidates: committing a draft to a short-lived branch, and finding the candidate that a pending tag points to."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from pydantic import ValidationError

from hfver.core.ledger import Ledger
from hfver.core.lfs import lfs_attributes, named_alike, wants_lfs
from hfver.core.manifest import ATTRIBUTES, MANIFEST, FileEntry, Manifest, digest_of, is_content
from hfver.core.progress import Progress
from hfver.core.smoke_report import SmokeSummary
from hfver.core.version import Version, parse_version
from hfver.errors import BadCheckpoint, Conflict, HubError, HubNotFound, VerificationError
from hfver.hub import AddFile, AddLfsFile, AlreadyExists, DeleteFile, Operation, ParentMoved, TreeFile
from hfver.hub.client import HubRepo
from hfver.hub.listing import Upload
from hfver.hub.upload import Source, check_source, upload_objects
from hfver.model.checkpoint import HashCache, check_unchanged
from hfver.registry.pull_request import release_commit_of
from hfver.registry.release_checks import check_past, check_tree, git_blob_id, only_adds_lfs_rules
from hfver.registry.resolve import candidate_release
from hfver.registry.signing import check_signed
from hfver.registry.state import RepoState
from hfver.releasing.draft import Draft

__all__ = [
    "Candidate",
    "check_publishable",
    "commit_candidate",
    "delete_branch",
    "delete_leftover_branch",
    "find_candidate",
]


@dataclass(frozen=True)
class Candidate:
    """The commit of a release that is not a version yet."""

    commit: str
    manifest: Manifest
    digest: str
    tree: Mapping[str, TreeFile] = field(repr=False)
    bytes_sent: int = 0
    content: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The regular files in memory, by path; the others are read from the Hub when they are needed."""

    @property
    def version(self) -> Version:
        """The version that it is to become."""
        return parse_version(self.manifest.version)


def commit_candidate(state: RepoState, draft: Draft, progress: Progress) -> Candidate:
    """Upload the objects that the Hub lacks, and commit the release to a branch of its own, created from ``main``.

    Args:
        state: The repo to commit to.
        draft: The release.
        progress: Called with the number of bytes uploaded.

    Raises:
        BadCheckpoint: A file changed since it was read.
        Conflict: Another process is releasing the same content at the same time.
        VerificationError: The commit on the Hub differs from what was sent.
    """
    repo, main = state.repo, state.refs.main
    base = repo.tree(main)
    files = {**draft.manifest.files, **{path: _entry(data) for path, data in draft.unlisted.items()}}
    sources: dict[str, Source] = {**draft.sources, **draft.unlisted}
    large = _large_files(repo, sources, files, base)
    try:
        sent = upload_objects(repo, {path: sources[path] for path in large}, files, progress)
        # The upload may take hours, and the regular files are read only now.
        check_unchanged(draft.checkpoint)
        content = {path: _content(source, files[path]) for path, source in sources.items() if path not in large}
    except BadCheckpoint:
        # A file may have changed without a change of its times: the next run must hash it again.
        HashCache().forget(draft.checkpoint.stamps.values())
        raise
    sources[ATTRIBUTES] = content[ATTRIBUTES] = lfs_attributes(large)
    operations = [
        *_changes(base, content, {path: files[path] for path in large}),
        *(DeleteFile(path) for path in base if path not in sources),
    ]
    _create_branch(state, draft.branch)
    commit = _commit(repo, draft, operations, parent=main)
    tree = _check_candidate(repo, commit, draft.manifest, content)
    # The Hub may have appended to .gitattributes; main is to show the file that the release has.
    kept = {path: data for path, data in content.items() if tree[path].blob == git_blob_id(data)}
    return Candidate(commit, draft.manifest, draft.digest, tree, sent, kept)


def find_candidate(state: RepoState, version: Version, commit: str) -> Candidate | None:
    """Read a pending tag's commit as a candidate, after the same checks as for a new one; None for any other commit."""
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
    names = {state.repo.name.lower(), (state.ledger.name or state.repo.name).lower()}
    ours = {manifest.repo.lower()} == names and manifest.version == str(version)
    return Candidate(commit, manifest, digest_of(raw), tree) if ours else None


def check_publishable(ledger: Ledger, manifest: Manifest, digest: str, where: str) -> None:
    """Check what would break the ledger for every reader, once the candidate's line is appended to it.

    Raises:
        LedgerRewritten: The manifest names a previous release or a ledger line that is not in the ledger.
        VerificationError: The summary of the smoke eval in the manifest is malformed.
    """
    check_past(ledger, manifest, digest, where)
    try:
        if manifest.smoke:
            SmokeSummary.model_validate(manifest.smoke)
    except ValidationError:
        raise VerificationError(
            f"The manifest of {where} is invalid: its key smoke is not a summary of a smoke eval.",
            "Release the checkpoint again.",
        ) from None


def _create_branch(state: RepoState, branch: str) -> None:
    """Create the branch, after deleting one that an interrupted run left. The objects that it uploaded are reused."""
    if branch in state.refs.branches:
        state.repo.delete_branch(branch)
    # If the branch exists now, either the answer to our own request was lost, or another process releases the same
    # content. Only one of them can commit, because each names the parent that it expects.
    with suppress(AlreadyExists):
        state.repo.create_branch(branch, state.refs.main)


def _large_files(
    repo: HubRepo,
    sources: Mapping[str, Source],
    files: Mapping[str, FileEntry],
    base: Mapping[str, TreeFile],
) -> set[str]:
    """Choose the files to store in Git-LFS: by hfver's own rules, and by the Hub's for new and changed files."""
    large = {path for path in sources if wants_lfs(path, files[path].size)}
    # A file that main has in Git-LFS stays there, so that it does not change places from release to release.
    large |= {path for path, file in base.items() if file.sha256 and path in sources and files[path].size}
    unsure = [path for path in sources if path not in large and files[path].size and _is_open(path, sources, base)]
    uploads = [Upload(path, files[path].size, _sample(sources[path])) for path in unsure]
    modes = repo.upload_modes("main", uploads, lfs_attributes(large)) if uploads else {}
    large |= {path for path in unsure if modes.get(path) == "lfs"}
    return large | named_alike(large, (path for path in sources if files[path].size))


def _is_open(path: str, sources: Mapping[str, Source], base: Mapping[str, TreeFile]) -> bool:
    """Return whether the Hub has to be asked how to store a file: it is new, or was text and may be binary now."""
    if path not in base:
        return True
    if not is_content(path):  # what hfver writes is text
        return False
    return base[path].blob != git_blob_id(_read(sources[path]))


def _sample(source: Source) -> bytes:
    # The Hub decides by the first 512 bytes whether a file is text.
    if isinstance(source, bytes):
        return source[:512]
    with source.open("rb") as file:
        return file.read(512)


def _read(source: Source) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


def _content(source: Source, entry: FileEntry) -> bytes:
    """Read a regular file, which must be what its entry says. The Hub knows no hash of it to compare it with."""
    data = _read(source)
    if not isinstance(source, bytes):
        check_source(source, entry, _entry(data))
    return data


def _entry(content: bytes) -> FileEntry:
    return FileEntry(size=len(content), sha256=digest_of(content).removeprefix("sha256:"))


def _changes(
    base: Mapping[str, TreeFile], content: Mapping[str, bytes], large: Mapping[str, FileEntry]
) -> Iterator[Operation]:
    """Return the operations that turn a tree into the release, without files that are the same already."""
    for path, data in sorted(content.items()):
        file = base.get(path)
        if file is None or file.sha256 or file.blob != git_blob_id(data):
            yield AddFile(path, data)
    for path, entry in sorted(large.items()):
        file = base.get(path)
        if file is None or file.sha256 != entry.sha256:
            yield AddLfsFile(path, entry.sha256, entry.size)


def _commit(repo: HubRepo, draft: Draft, operations: Iterable[Operation], parent: str) -> str:
    digests = f"Release digest: {draft.digest}\nContent digest: {draft.manifest.content_digest}\n"
    description = f"{draft.description}\n\n{digests}".lstrip()
    try:
        return repo.commit(draft.branch, operations, summary=draft.title, description=description, parent=parent)
    except ParentMoved:
        # Our own commit, if the first answer to it was lost. With a pull request, the state may be on top of it.
        if head := _own_commit(repo, draft, parent):
            return release_commit_of(repo, head)
    except HubNotFound:
        pass  # another process deleted the branch
    raise Conflict(
        f"{repo}: branch {draft.branch} changed in the meantime; another process is releasing the same content.",
        "Wait for it to finish, then run the command again.",
    )


def _own_commit(repo: HubRepo, draft: Draft, parent: str) -> str | None:
    """Return the head of the draft's branch if it has the draft; refs from a cache may still show its parent."""
    for pause in (0.0, *repo.lag_pauses()):
        time.sleep(pause)
        head = repo.refs().branches.get(draft.branch)
        if head and repo.find(head, MANIFEST) == draft.manifest_bytes:
            return head
        if head not in (None, parent):
            break  # another process's commit
    return None


def _check_candidate(
    repo: HubRepo, commit: str, manifest: Manifest, content: Mapping[str, bytes]
) -> dict[str, TreeFile]:
    """Compare the commit on the Hub with what was sent."""
    where = f"{repo}@{commit[:12]}"
    tree = repo.tree(commit)
    check_tree(tree, manifest, where)
    # The tree has no SHA-256 of regular files, so they are compared by git's id of their content.
    for path, data in content.items():
        if path not in tree or (tree[path].blob != git_blob_id(data) and not _has_more_rules(repo, commit, path, data)):
            found = f"git blob {tree[path].blob}" if path in tree else "no such file"
            raise VerificationError(
                f"{where}: {path} was sent as git blob {git_blob_id(data)}, and the Hub has {found}.",
                "Run the command again; the commit was not tagged.",
            )
    return tree


def _has_more_rules(repo: HubRepo, commit: str, path: str, sent: bytes) -> bool:
    """Return whether a file is ``.gitattributes``, and the Hub appended rules for LFS files and nothing else."""
    return path == ATTRIBUTES and only_adds_lfs_rules(repo.read(commit, path), sent)


def delete_branch(repo: HubRepo, branch: str) -> None:
    """Delete the candidate's branch, if the Hub answers; the next run deletes one that is left."""
    with suppress(HubError):
        repo.delete_branch(branch)


def delete_leftover_branch(state: RepoState, branch: str) -> None:
    """Delete the branch of an earlier run that was killed after it published the release."""
    if branch in state.refs.branches:
        delete_branch(state.repo, branch)
