"""Verify: what a Hub lists and what a disk holds, compared with what a manifest says."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from hfver.core.ledger import Entry, Ledger
from hfver.core.manifest import ATTRIBUTES, MANIFEST, SIGNATURE, FileEntry, Manifest, digest_of
from hfver.core.progress import Progress, silent
from hfver.core.results import Release
from hfver.errors import (
    DigestMismatch,
    FileMissing,
    FileUnexpected,
    HubNotFound,
    LedgerRewritten,
    ManifestMismatch,
    ObjectGone,
    ReleaseReplayed,
)
from hfver.hub import HubRepo, TreeFile
from hfver.model.checkpoint import HashCache, hash_files

__all__ = [
    "check_against_tree",
    "check_binding",
    "check_content_digest",
    "check_digest",
    "check_folder",
    "check_names",
    "check_past",
    "check_tree",
    "git_blob_id",
    "read_verified",
]

UNLISTED = frozenset({MANIFEST, ATTRIBUTES, SIGNATURE})
"""Files of a release's commit that its manifest does not list; the signature signs the manifest."""


def check_tree(tree: Mapping[str, TreeFile], manifest: Manifest, where: str) -> None:
    """Compare a commit's listing with its manifest: paths, sizes, and the SHA-256 of LFS objects.

    Raises:
        FileMissing: The manifest names a file that the commit lacks.
        FileUnexpected: The commit holds a file that the manifest does not name.
        DigestMismatch: A size or an LFS object differs.
    """
    check_names(tree, manifest.files, where)
    for path, entry in manifest.files.items():
        file = tree[path]
        if file.size != entry.size:
            raise DigestMismatch(f"{where}: {path} has {file.size} bytes; the manifest says {entry.size}.")
        if file.sha256 and file.sha256 != entry.sha256:
            raise DigestMismatch(f"{where}: {path} is sha256:{file.sha256}; the manifest says sha256:{entry.sha256}.")


def check_digest(raw: bytes, entry: Entry, where: str) -> None:
    """Compare a manifest's bytes with the digest in the ledger.

    Raises:
        ManifestMismatch: It is another one.
    """
    if digest_of(raw) != entry.line.digest:
        raise ManifestMismatch(
            f"{where}: its manifest is {digest_of(raw)}; the ledger says {entry.line.digest}.",
            "One of the two was rewritten. The history of the repo's main tells who changed the ledger, and when.",
        )


def check_binding(manifest: Manifest, names: Collection[str], version: str, where: str) -> None:
    """Compare what a manifest says it is with where it was found.

    Args:
        manifest: The manifest.
        names: Repos, in lower case, whose releases may be found there.
        version: The version that was asked for.
        where: Names the release in errors.

    Raises:
        ReleaseReplayed: It was made for another repo or version.
    """
    if manifest.version != version or manifest.repo.lower() not in names:
        raise ReleaseReplayed(
            f"{where}: its manifest is that of {manifest.repo}@{manifest.version}.",
            f"It was published as {manifest.repo}@{manifest.version}, and as nothing else: load it under that name, "
            f"or allow a copy of the repo knowingly: --mirror-of {manifest.repo}",
        )


def check_content_digest(manifest: Manifest, entry: Entry, where: str) -> None:
    """Compare the line's content digest with that of the manifest, which was checked against its files.

    Raises:
        ManifestMismatch: It is another one.
    """
    said = entry.line.content_digest
    if said not in (None, manifest.content_digest):
        raise ManifestMismatch(
            f"{where}: the ledger says content {said}; its manifest says {manifest.content_digest}.",
            "The ledger was written anew. The history of the repo's main tells who did it, and when.",
        )


def check_past(ledger: Ledger, manifest: Manifest, digest: str, where: str) -> None:
    """Check that what a release was made after is in the ledger, before the release's own line.

    So every release vouches for the lines before it, and who rewrites one must make all that followed anew.

    Raises:
        LedgerRewritten: The ledger's end, or the release, that the manifest names is not there.
    """
    own = ledger.digests.get(digest, len(ledger.lines))
    hint = "The ledger was written anew around this release. The history of main may tell when."
    if manifest.ledger_head is not None and ledger.heads.get(manifest.ledger_head, own) >= own:
        raise LedgerRewritten(
            f"{where}: it was made when the ledger ended with line {manifest.ledger_head}; "
            "the ledger has no such line before it.",
            hint,
        )
    if manifest.previous is not None and ledger.digests.get(manifest.previous, own) >= own:
        raise LedgerRewritten(
            f"{where}: it was made after release {manifest.previous}; the ledger has no such release before it.", hint
        )


def check_names(found: Iterable[str], expected: Iterable[str], where: str) -> None:
    """Compare two sets of paths, apart from those that a manifest does not list.

    Raises:
        FileMissing: An expected path is not found.
        FileUnexpected: A found path is not expected.
    """
    found, expected = set(found) - UNLISTED, set(expected)
    if missing := sorted(expected - found):
        raise FileMissing(f"{where}: {_listed(missing)} named by the manifest and not there.")
    if extra := sorted(found - expected):
        raise FileUnexpected(f"{where}: {_listed(extra)} there and not named by the manifest.")


def check_folder(
    folder: Path,
    files: Mapping[str, FileEntry],
    where: str,
    *,
    cache: HashCache | None,
    progress: Progress = silent,
) -> None:
    """Compare the content of files on disk with their size and SHA-256, several at once.

    Args:
        folder: What the paths are relative to.
        files: The files to check.
        where: Names the release in errors.
        cache: Remembers hashes of files that did not change; None reads every byte.
        progress: Told the bytes that were read.

    Raises:
        FileMissing: A file is not there.
        DigestMismatch: A file's content is another.
    """
    missing = [path for path in files if not (folder / path).is_file()]
    if missing:
        raise FileMissing(f"{where}: {_listed(missing)} missing from {folder}.")
    found = hash_files({path: folder / path for path in files}, progress=progress, label="verifying", cache=cache)
    wrong = sorted(path for path, entry in files.items() if found[path] != entry)
    if wrong:
        path = wrong[0]
        raise DigestMismatch(
            f"{where}: {_listed(wrong)} not what was released. {path} is sha256:{found[path].sha256} "
            f"({found[path].size} bytes), expected sha256:{files[path].sha256} ({files[path].size} bytes).",
            "Delete the file and pull the release again.",
        )


def _listed(paths: list[str]) -> str:
    names = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
    return f"{names} {'is' if len(paths) == 1 else 'are'}"


def read_verified(repo: HubRepo, release: Release, manifest: Manifest, path: str) -> bytes:
    """Read a small file of a release and compare it with the manifest.

    Raises:
        FileMissing: The manifest does not name it, or the Hub lacks it.
        DigestMismatch: Its content is another.
    """
    expected = manifest.files.get(path)
    if expected is None:
        raise FileMissing(f"{release}: {path} is not in its manifest.")
    try:
        content = repo.read(release.commit, path)
    except HubNotFound:
        raise ObjectGone(f"{release}: {path} is gone from a repo that answers.") from None
    if digest_of(content) != f"sha256:{expected.sha256}":
        raise DigestMismatch(f"{release}: {path} is {digest_of(content)}; the manifest says sha256:{expected.sha256}.")
    return content


def check_against_tree(
    folder: Path,
    tree: Mapping[str, TreeFile],
    where: str,
    *,
    cache: HashCache | None,
    progress: Progress = silent,
) -> dict[str, FileEntry]:
    """Compare files on disk with a commit that has no manifest: LFS objects by SHA-256, others by git blob id.

    Returns:
        Size and SHA-256 of every file, for the next time.

    Raises:
        FileMissing: A file is not there.
        DigestMismatch: A file's content is another.
    """
    large = {path: FileEntry(size=file.size, sha256=file.sha256) for path, file in tree.items() if file.sha256}
    check_folder(folder, large, where, cache=cache, progress=progress)
    for path, file in tree.items():
        if not file.sha256 and git_blob_id((folder / path).read_bytes()) != file.blob:
            raise DigestMismatch(f"{where}: {path} is not git blob {file.blob}.", "Delete the file and try again.")
    return hash_files({path: folder / path for path in tree}, cache=cache)


def git_blob_id(content: bytes) -> str:
    """Name a file's content as git does: SHA-1 over ``blob``, its size and its bytes."""
    return hashlib.sha1(b"blob %d\x00" % len(content) + content, usedforsecurity=False).hexdigest()
