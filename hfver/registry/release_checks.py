"""The checks of a release: what a Hub lists and what a disk holds, compared with the manifest and the ledger."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from hfver.core.ledger import Entry, Ledger
from hfver.core.lfs import is_lfs_rule
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
from hfver.hub.verified_files import VerifiedFiles
from hfver.model.checkpoint import HashCache, hash_files

__all__ = [
    "check_against_tree",
    "check_binding",
    "check_content_digest",
    "check_digest",
    "check_folder",
    "check_links",
    "check_names",
    "check_past",
    "check_tree",
    "git_blob_id",
    "only_adds_lfs_rules",
    "read_verified",
]

UNLISTED = frozenset({MANIFEST, ATTRIBUTES, SIGNATURE})
"""Files of a release's commit that its manifest does not list: itself, the signature over it, and git's own file."""


_NOT_AS_RELEASED = "Do not use this commit until the owner of the repo has explained this."


def check_tree(tree: Mapping[str, TreeFile], manifest: Manifest, where: str) -> None:
    """Compare a commit's listing with its manifest: paths, sizes, and the SHA-256 of LFS objects.

    Args:
        tree: The files of the commit.
        manifest: The manifest.
        where: Names the release in error messages.

    Raises:
        FileMissing: The commit lacks a file that the manifest lists.
        FileUnexpected: The commit has a file that the manifest does not list.
        DigestMismatch: A size or an LFS object differs.
    """
    check_names(tree, manifest.files, where)
    for path, entry in manifest.files.items():
        file = tree[path]
        if file.size != entry.size:
            raise DigestMismatch(
                f"{where}: {path} has {file.size} bytes; the manifest says {entry.size}.", _NOT_AS_RELEASED
            )
        if file.sha256 and file.sha256 != entry.sha256:
            raise DigestMismatch(
                f"{where}: {path} is sha256:{file.sha256}; the manifest says sha256:{entry.sha256}.", _NOT_AS_RELEASED
            )


def check_digest(raw: bytes, entry: Entry, where: str) -> None:
    """Compare a manifest's bytes with the digest in the ledger.

    Raises:
        ManifestMismatch: They differ.
    """
    if digest_of(raw) != entry.line.digest:
        raise ManifestMismatch(
            f"{where}: its manifest has the digest {digest_of(raw)}; the ledger says {entry.line.digest}.",
            "One of the two was rewritten. The history of the repo's main shows who changed the ledger, and when.",
        )


def check_binding(manifest: Manifest, names: Collection[str], version: str, where: str) -> None:
    """Check that a manifest was made for the repo and the version under which it was found.

    Args:
        manifest: The manifest.
        names: The repos, in lower case, whose releases count as releases of this one.
        version: The requested version.
        where: Names the release in error messages.

    Raises:
        ReleaseReplayed: It was made for a different repo or version.
    """
    if manifest.version != version or manifest.repo.lower() not in names:
        raise ReleaseReplayed(
            f"{where}: its manifest is the one of {manifest.repo}@{manifest.version}.",
            f"It was published only as {manifest.repo}@{manifest.version}: load it under that name. "
            f"If the repo is a copy that you trust, add: --mirror-of {manifest.repo}",
        )


def check_content_digest(manifest: Manifest, entry: Entry, where: str) -> None:
    """Compare the content digest in the ledger with the one in the manifest.

    Raises:
        ManifestMismatch: They differ.
    """
    in_ledger = entry.line.content_digest
    if in_ledger not in (None, manifest.content_digest):
        raise ManifestMismatch(
            f"{where}: the ledger says content digest {in_ledger}; its manifest says {manifest.content_digest}.",
            "The ledger was rewritten. The history of the repo's main shows who did it, and when.",
        )


def check_past(ledger: Ledger, manifest: Manifest, digest: str, where: str) -> None:
    """Check that the ledger has what a release was made after, before the release's own line.

    A manifest names the head of the ledger and the previous release. So every release vouches for the lines before it,
    and whoever rewrites a line must also make every later release again.

    Args:
        ledger: The ledger.
        manifest: The release's manifest.
        digest: The release's digest.
        where: Names the release in error messages.

    Raises:
        LedgerRewritten: The ledger lacks the line or the release that the manifest names, or has it later.
    """
    own = ledger.digests.get(digest, len(ledger.lines))  # a candidate's line would be the next one
    hint = "The ledger was rewritten before this release. The history of the repo's main may show who did it, and when."
    if manifest.ledger_head is not None and ledger.heads.get(manifest.ledger_head, own) >= own:
        raise LedgerRewritten(
            f"{where}: it was made when the ledger ended with line {manifest.ledger_head}; "
            "the ledger has no such line before the release.",
            hint,
        )
    if manifest.previous is not None and ledger.digests.get(manifest.previous, own) >= own:
        raise LedgerRewritten(
            f"{where}: it was made after the release with digest {manifest.previous}; "
            "the ledger has no such release before it.",
            hint,
        )


def check_names(found: Iterable[str], expected: Iterable[str], where: str) -> None:
    """Compare two sets of paths, without those that a manifest never lists.

    Raises:
        FileMissing: An expected path was not found.
        FileUnexpected: A path was found that is not expected.
    """
    found, expected = set(found) - UNLISTED, set(expected)
    if missing := sorted(expected - found):
        raise FileMissing(f"{where}: {_listed(missing)} listed in the manifest, but missing.")
    if extra := sorted(found - expected):
        raise FileUnexpected(f"{where}: {_listed(extra)} not listed in the manifest.")


def check_folder(
    folder: Path,
    files: Mapping[str, FileEntry],
    where: str,
    *,
    cache: HashCache | None,
    progress: Progress = silent,
) -> None:
    """Compare the content of files on disk with their recorded size and SHA-256, several files at once.

    Args:
        folder: The folder that the paths are relative to.
        files: The files to check.
        where: Names the release in error messages.
        cache: Has the hashes of files that did not change; None reads every byte.
        progress: Called with the number of bytes read.

    Raises:
        FileMissing: A file does not exist.
        FileUnexpected: A file is a link that leads out of the folder, or is reached through one.
        DigestMismatch: The content of a file differs.
    """
    check_links(folder, files, where)
    missing = [path for path in files if not (folder / path).is_file()]
    if missing:
        raise FileMissing(f"{where}: {_listed(missing)} missing from {folder}.")
    found = hash_files({path: folder / path for path in files}, progress=progress, label="verifying", cache=cache)
    wrong = sorted(path for path, entry in files.items() if found[path] != entry)
    if wrong:
        path = wrong[0]
        raise DigestMismatch(
            f"{where}: {_listed(wrong)} not as released. {path} is sha256:{found[path].sha256} "
            f"({found[path].size} bytes), expected sha256:{files[path].sha256} ({files[path].size} bytes).",
            "Delete the file and pull the release again.",
        )


_COMMIT = re.compile(r"[0-9a-f]{40}")


def check_links(folder: Path, files: Iterable[str], where: str) -> None:
    """Check that no link leads out of a folder: whoever owns what it leads to can change that after every check.

    The links of a snapshot in the Hugging Face cache lead to its blobs, and those may lead to the blobs that the repos
    of that cache share.

    Args:
        folder: The folder, which may be reached through links itself.
        files: The paths below it.
        where: Names the release in error messages.

    Raises:
        FileUnexpected: A file is such a link, or one of the folders that it is in is a link.
    """
    top = folder.resolve()
    homes = [top]
    if top.parent.name == "snapshots" and _COMMIT.fullmatch(top.name):
        homes += [top.parents[1] / "blobs", top.parents[2] / "blobs"]
    plain: set[Path] = {top}
    for path in files:
        for parent in [*(top / path).parents][: path.count("/")]:
            if parent not in plain and parent.is_symlink():
                raise _outside(where, parent.relative_to(top).as_posix(), parent)
            plain.add(parent)
        if not _stays(top / path, homes):
            raise _outside(where, path, top / path)


def _stays(file: Path, homes: list[Path]) -> bool:
    """Return whether a file is no link, or each link on the way to it ends in one of some folders."""
    for _ in range(8):  # a snapshot needs two
        if not file.is_symlink():
            return True
        file = Path(os.path.normpath(file.parent / file.readlink()))
        # Of a link through linked folders, the last step must not leave either.
        if not any(file.is_relative_to(home) for home in homes) or file.parent.resolve() != file.parent:
            return False
    return False


def _outside(where: str, path: str, link: Path) -> FileUnexpected:
    return FileUnexpected(
        f"{where}: {path} is a link, to {str(link.readlink())[:200]!r}; it must not lead out of the folder.",
        "Remove the link and pull the release again.",
    )


def _listed(paths: list[str]) -> str:
    """Return the first paths and the verb that follows them."""
    names = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
    return f"{names} {'is' if len(paths) == 1 else 'are'}"


def read_verified(repo: HubRepo, release: Release, manifest: Manifest, path: str) -> bytes:
    """Read a small file of a release, and compare it with the manifest; it is fetched once per machine.

    Raises:
        FileMissing: The manifest does not list it, or the Hub does not have it.
        DigestMismatch: Its content differs.
    """
    expected = manifest.files.get(path)
    if expected is None:
        raise FileMissing(f"{release}: {path} is not listed in its manifest.")
    kept = VerifiedFiles()
    if (known := kept.get(expected.sha256)) is not None:
        return known
    try:
        content = repo.read(release.commit, path)
    except HubNotFound:
        raise ObjectGone(
            f"{release}: the manifest lists {path}, which the repo does not have anymore.",
            "Contact the owner of the repo: a file of the release was deleted.",
        ) from None
    if digest_of(content) != f"sha256:{expected.sha256}":
        raise DigestMismatch(
            f"{release}: {path} is {digest_of(content)}; the manifest says sha256:{expected.sha256}.", _NOT_AS_RELEASED
        )
    kept.put(expected.sha256, content)
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
        The size and SHA-256 of every file, to compare with the next time.

    Raises:
        FileMissing: A file does not exist.
        DigestMismatch: The content of a file differs.
    """
    check_links(folder, tree, where)
    large = {path: FileEntry(size=file.size, sha256=file.sha256) for path, file in tree.items() if file.sha256}
    check_folder(folder, large, where, cache=cache, progress=progress)
    for path, file in tree.items():
        if not file.sha256 and git_blob_id((folder / path).read_bytes()) != file.blob:
            found = git_blob_id((folder / path).read_bytes())
            raise DigestMismatch(
                f"{where}: {path} is git blob {found}, expected {file.blob}.",
                "Delete the file and run the command again.",
            )
    return hash_files({path: folder / path for path in tree}, cache=cache)


def git_blob_id(content: bytes) -> str:
    """Return git's id of a file's content: the SHA-1 of ``blob``, its size and its bytes."""
    return hashlib.sha1(b"blob %d\x00" % len(content) + content, usedforsecurity=False).hexdigest()


def only_adds_lfs_rules(found: bytes, sent: bytes) -> bool:
    """Return whether a ``.gitattributes`` is the one that was sent, followed by rules for Git-LFS and nothing else.

    huggingface.co appends such rules to a commit, for the LFS files that by its own matcher no rule covers.
    """
    added = found.removeprefix(sent).split(b"\n") if found.startswith(sent) else [b"#"]
    return all(is_lfs_rule(line) for line in added if line.strip())
