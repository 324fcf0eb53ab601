"""Fetching a pinned commit's files into the ordinary Hugging Face cache, and checking each against its SHA-256."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hfver.core.manifest import MANIFEST, SIGNATURE, FileEntry, Manifest
from hfver.core.progress import Progress, silent
from hfver.errors import DigestMismatch, FileMissing, FileUnexpected, HubNotFound, ObjectGone, VerificationError
from hfver.hub import TreeFile
from hfver.hub.client import HubRepo
from hfver.hub.download import Copied, cached_file, download, forget_cached, snapshot_folder
from hfver.hub.memory import Memory
from hfver.model.checkpoint import HashCache
from hfver.registry.release_checks import check_against_tree, check_folder, check_links, check_names, check_tree
from hfver.registry.resolve import Pinned, read_tree

__all__ = ["Snapshot", "fetch_snapshot", "files_in"]

CLOCK_TICK = 0.02
"""Seconds after which a write gets a new time stamp: Linux updates the clock for them every 1 to 10 ms."""


@dataclass(frozen=True)
class Snapshot:
    """The verified files of a commit: the folder that has them, and their sizes and SHA-256 by path."""

    path: Path
    files: Mapping[str, FileEntry]


def every_path(path: str) -> bool:  # noqa: ARG001 - it has the signature of a filter
    """Include every path."""
    return True


def fetch_snapshot(
    pinned: Pinned, *, include: Callable[[str], bool] = every_path, progress: Progress = silent
) -> Snapshot:
    """Fetch and verify a pinned commit's files. A file that is damaged in the cache is downloaded again, once.

    Args:
        pinned: The commit.
        include: Which paths to fetch of a commit that hfver did not make; a release is always fetched whole.
        progress: Called with the number of bytes downloaded.

    Raises:
        VerificationError: A file is missing or differs.
        HubError: The Hub does not answer, or refuses the request.
    """
    try:
        return _fetch(pinned, include, progress)
    except (DigestMismatch, FileUnexpected):
        # The cache may be damaged, or hold files of another program. If it is not, the Hub's file is wrong.
        if not _remove_damaged(pinned):
            raise
        return _fetch(pinned, include, progress)


def _fetch(pinned: Pinned, include: Callable[[str], bool], progress: Progress) -> Snapshot:
    release = pinned.release
    if release.manifest is not None:
        return _fetch_release(pinned, release.manifest, progress)
    if pinned.files is not None:
        return _fetch_locked(pinned, {path: one for path, one in pinned.files.items() if include(path)}, progress)
    return _fetch_commit(pinned, include, progress)


def _fetch_release(pinned: Pinned, manifest: Manifest, progress: Progress) -> Snapshot:
    repo, commit, where = pinned.repo, pinned.release.commit, str(pinned.release)
    paths = {*manifest.files, *([] if pinned.release.adopted else [MANIFEST])}
    copied: Mapping[str, Copied] = {}
    if any(cached_file(repo.name, commit, path) is None for path in paths):
        tree = pinned.tree or read_tree(repo, commit, where)
        check_tree(tree, manifest, where)
        if MANIFEST in paths - tree.keys():
            raise FileMissing(
                f"{where}: {MANIFEST} is missing from its commit.", "Do not use it until its owner has explained this."
            )
        # The signature is fetched too, so that it can be checked later, and by other tools, without a request.
        paths |= {SIGNATURE} & tree.keys()
        copied = _download(repo, commit, {path: tree[path] for path in paths}, where, progress)
    folder = snapshot_folder(repo.name, commit)
    _check_if_changed(repo.memory, commit, folder, manifest.files, where, progress, copied)
    return Snapshot(folder, manifest.files)


def _check_if_changed(
    memory: Memory,
    commit: str,
    folder: Path,
    files: Mapping[str, FileEntry],
    where: str,
    progress: Progress,
    copied: Mapping[str, Copied],
) -> None:
    """Compare files with their hashes, unless their size, times and inodes are the same as when that was last done."""
    check_links(folder, files, where)
    check_names(files_in(folder), files, where)
    before = _stats(folder, files, where)
    if memory.verified(commit) == before:
        return
    rest = {path: entry for path, entry in files.items() if copied.get(path) != Copied.of(entry.sha256, folder / path)}
    check_folder(folder, rest, where, cache=HashCache(), progress=progress)
    # A file that was written while it was hashed must not be remembered as verified.
    if _stats(folder, files, where) == before:
        memory.remember_verified(commit, before)


def _stats(folder: Path, files: Iterable[str], where: str) -> str:
    """Return the device, inode, size and times of files, as text.

    If a file was just written, this waits for a clock tick first: a later write within the same tick would not change
    the times.
    """
    try:
        stats = {path: (folder / path).stat() for path in sorted(files)}
    except OSError as error:
        raise FileMissing(
            f"{where}: {error.filename} cannot be read: {error.strerror}.", "Run the command again."
        ) from None
    newest = max((max(stat.st_mtime_ns, stat.st_ctime_ns) for stat in stats.values()), default=0)
    time.sleep(max(0.0, min(CLOCK_TICK, CLOCK_TICK - (time.time_ns() - newest) / 1e9)))
    facts = {
        path: (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        for path, stat in stats.items()
    }
    return json.dumps(facts)


def _fetch_commit(pinned: Pinned, include: Callable[[str], bool], progress: Progress) -> Snapshot:
    """Fetch a commit that hfver did not make, and check it against what it had on an earlier run, or its tree."""
    repo, commit, where = pinned.repo, pinned.release.commit, str(pinned.release)
    memory, folder = repo.memory, snapshot_folder(repo.name, commit)
    whole = include is every_path
    known = memory.files(commit, whole=True) or (None if whole else memory.files(commit, whole=False))
    if known and all(cached_file(repo.name, commit, path) for path in known) and pinned.tree is None:
        check_folder(folder, known, where, cache=HashCache(), progress=progress)
        return Snapshot(folder, {path: entry for path, entry in known.items() if include(path)})
    tree = {path: file for path, file in (pinned.tree or repo.tree(commit)).items() if include(path)}
    _download(repo, commit, tree, where, progress)
    files = check_against_tree(folder, tree, where, cache=HashCache(), progress=progress)
    memory.remember_files(commit, files, whole=whole)
    return Snapshot(folder, files)


def _fetch_locked(pinned: Pinned, files: Mapping[str, FileEntry], progress: Progress) -> Snapshot:
    """Fetch exactly the files that a lock records of a commit that hfver did not make."""
    repo, commit, where = pinned.repo, pinned.release.commit, str(pinned.release)
    if absent := [path for path in files if cached_file(repo.name, commit, path) is None]:
        tree = repo.tree(commit)
        if missing := [path for path in absent if path not in tree]:
            raise FileMissing(
                f"{where}: the lock records {missing[0]}, which the commit does not have.",
                "Do not use this repo until its owner has explained this.",
            )
        _download(repo, commit, {path: tree[path] for path in absent}, where, progress)
    folder = snapshot_folder(repo.name, commit)
    check_folder(folder, files, where, cache=HashCache(), progress=progress)
    return Snapshot(folder, files)


def _download(
    repo: HubRepo, commit: str, tree: Mapping[str, TreeFile], where: str, progress: Progress
) -> Mapping[str, Copied]:
    try:
        return download(repo, commit, tree.values(), progress)
    except HubNotFound as error:
        raise ObjectGone(
            f"{where}: the repo does not have a file of this commit anymore. {error.message}",
            "Contact the owner of the repo. Anybody who has a copy can check it (hfver verify DIR), "
            "and upload the same bytes again.",
        ) from None


def _remove_damaged(pinned: Pinned) -> bool:
    """Remove the files of a release from the cache that are not as released, and return whether there were any."""
    release, manifest = pinned.release, pinned.release.manifest
    folder = snapshot_folder(release.repo, release.commit)
    if manifest is None:
        return False
    damaged = [path for path in files_in(folder) if path not in manifest.files and path != MANIFEST]
    for path, entry in manifest.files.items():
        try:
            check_folder(folder, {path: entry}, str(release), cache=None)
        except VerificationError:
            damaged.append(path)
    for path in damaged:
        forget_cached(release.repo, release.commit, path)
    return bool(damaged)


def files_in(folder: Path) -> list[str]:
    """List the paths of all files below a folder, and of links to folders: they are not followed, but must be seen."""
    found: list[str] = []
    for base, folders, names in os.walk(folder):
        links = [name for name in folders if Path(base, name).is_symlink()]
        found += (Path(base, name).relative_to(folder).as_posix() for name in [*names, *links])
    return found
