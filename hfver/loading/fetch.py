"""Fetch: a pinned commit's files in the ordinary Hugging Face cache, every one compared with its recorded SHA-256."""

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
from hfver.hub.download import cached_file, download, forget_cached, snapshot_folder
from hfver.hub.memory import Memory
from hfver.model.checkpoint import HashCache
from hfver.registry.release_checks import check_against_tree, check_folder, check_names, check_tree
from hfver.registry.resolve import Pinned, read_tree

__all__ = ["Snapshot", "fetch_snapshot", "files_in"]

CLOCK_TICK = 0.02
"""Seconds after which a file system's clock has moved on: Linux stamps files every 1 to 10 ms."""


@dataclass(frozen=True)
class Snapshot:
    """Verified files of a commit in the Hugging Face cache."""

    path: Path
    files: Mapping[str, FileEntry]


def everything(path: str) -> bool:  # noqa: ARG001 - a choice of paths like any other
    """Want every path."""
    return True


def fetch_snapshot(
    pinned: Pinned, *, wanted: Callable[[str], bool] = everything, progress: Progress = silent
) -> Snapshot:
    """Have a pinned commit's files in the cache, verified; a file that went bad there is fetched once more.

    Args:
        pinned: The commit.
        wanted: Which paths, for a commit that hfver did not make; a release is always whole.
        progress: Told the bytes.
    """
    try:
        return _bring(pinned, wanted, progress)
    except (DigestMismatch, FileUnexpected):
        if not _forget(pinned):
            raise
        return _bring(pinned, wanted, progress)


def _bring(pinned: Pinned, wanted: Callable[[str], bool], progress: Progress) -> Snapshot:
    release = pinned.release
    if release.manifest is not None:
        return _bring_release(pinned, release.manifest, progress)
    if pinned.files is not None:
        return _bring_files(pinned, {path: one for path, one in pinned.files.items() if wanted(path)}, progress)
    return _bring_commit(pinned, wanted, progress)


def _bring_release(pinned: Pinned, manifest: Manifest, progress: Progress) -> Snapshot:
    repo, commit, where = pinned.repo, pinned.release.commit, str(pinned.release)
    paths = {*manifest.files, *([] if pinned.release.adopted else [MANIFEST])}
    if any(cached_file(repo.name, commit, path) is None for path in paths):
        tree = pinned.tree or read_tree(repo, commit, where)
        check_tree(tree, manifest, where)
        if MANIFEST in paths - tree.keys():
            raise FileMissing(f"{where}: {MANIFEST} is gone from its commit.")
        # The signature comes along, so that it can be checked later, and by others, without asking again.
        paths |= {SIGNATURE} & tree.keys()
        _fetch(repo, commit, {path: tree[path] for path in paths}, where, progress)
    folder = snapshot_folder(repo.name, commit)
    _check_once(repo.memory, commit, folder, manifest.files, where, progress)
    return Snapshot(folder, manifest.files)


def _check_once(
    memory: Memory, commit: str, folder: Path, files: Mapping[str, FileEntry], where: str, progress: Progress
) -> None:
    """Compare files with their hashes, unless they look just as they did when that was last done."""
    check_names(files_in(folder), files, where)
    before = _look(folder, files, where)
    if memory.verified(commit) == before:
        return
    check_folder(folder, files, where, cache=HashCache(), progress=progress)
    if _look(folder, files, where) == before:
        memory.remember_verified(commit, before)


def _look(folder: Path, files: Iterable[str], where: str) -> str:
    """Describe files by device, inode, size and times; waits until a later write would show in the times."""
    try:
        stats = {path: (folder / path).stat() for path in sorted(files)}
    except OSError as error:
        raise FileMissing(f"{where}: {error.filename} cannot be read: {error.strerror}.") from None
    newest = max((max(stat.st_mtime_ns, stat.st_ctime_ns) for stat in stats.values()), default=0)
    time.sleep(max(0.0, min(CLOCK_TICK, CLOCK_TICK - (time.time_ns() - newest) / 1e9)))
    looks = {
        path: (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        for path, stat in stats.items()
    }
    return json.dumps(looks)


def _bring_commit(pinned: Pinned, wanted: Callable[[str], bool], progress: Progress) -> Snapshot:
    repo, commit, where = pinned.repo, pinned.release.commit, str(pinned.release)
    memory, folder = repo.memory, snapshot_folder(repo.name, commit)
    whole = wanted is everything
    known = memory.files(commit, whole=True) or (None if whole else memory.files(commit, whole=False))
    if known and all(cached_file(repo.name, commit, path) for path in known) and pinned.tree is None:
        check_folder(folder, known, where, cache=HashCache(), progress=progress)
        return Snapshot(folder, {path: entry for path, entry in known.items() if wanted(path)})
    tree = {path: file for path, file in (pinned.tree or repo.tree(commit)).items() if wanted(path)}
    _fetch(repo, commit, tree, where, progress)
    files = check_against_tree(folder, tree, where, cache=HashCache(), progress=progress)
    memory.remember_files(commit, files, whole=whole)
    return Snapshot(folder, files)


def _bring_files(pinned: Pinned, files: Mapping[str, FileEntry], progress: Progress) -> Snapshot:
    """Have exactly the files of a commit that a lock holds."""
    repo, commit, where = pinned.repo, pinned.release.commit, str(pinned.release)
    if absent := [path for path in files if cached_file(repo.name, commit, path) is None]:
        tree = repo.tree(commit)
        if gone := [path for path in absent if path not in tree]:
            raise FileMissing(f"{where}: the lock holds {gone[0]}, and the commit does not.")
        _fetch(repo, commit, {path: tree[path] for path in absent}, where, progress)
    folder = snapshot_folder(repo.name, commit)
    check_folder(folder, files, where, cache=HashCache(), progress=progress)
    return Snapshot(folder, files)


def _fetch(repo: HubRepo, commit: str, tree: Mapping[str, TreeFile], where: str, progress: Progress) -> None:
    try:
        download(repo, commit, tree.values(), progress)
    except HubNotFound as error:
        raise ObjectGone(
            f"{where}: a file of the release is gone from a repo that answers. {error.message}",
            "Who has a copy can prove it with hfver verify DIR, and upload the very same bytes again.",
        ) from None


def _forget(pinned: Pinned) -> bool:
    """Remove from the cache what is not as released; tells whether there was anything."""
    release, manifest = pinned.release, pinned.release.manifest
    folder = snapshot_folder(release.repo, release.commit)
    if manifest is None:
        return False
    bad = [path for path in files_in(folder) if path not in manifest.files and path != MANIFEST]
    for path, entry in manifest.files.items():
        try:
            check_folder(folder, {path: entry}, str(release), cache=None)
        except VerificationError:
            bad.append(path)
    for path in bad:
        forget_cached(release.repo, release.commit, path)
    return bool(bad)


def files_in(folder: Path) -> list[str]:
    """List the files below a folder, without hfver's own marks."""
    found = (Path(base, name).relative_to(folder).as_posix() for base, _, names in os.walk(folder) for name in names)
    return list(found)
