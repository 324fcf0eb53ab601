"""Fetching a pinned commit's files into the ordinary Hugging Face cache, and checking each against its SHA-256."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from hfver.core.file_stamp import FileStamp
from hfver.core.manifest import MANIFEST, SIGNATURE, FileEntry, Manifest, digest_of
from hfver.core.progress import Progress, silent
from hfver.core.results import Release
from hfver.errors import DigestMismatch, FileMissing, FileUnexpected, HubNotFound, ObjectGone, VerificationError
from hfver.hub import TreeFile
from hfver.hub.cache import CommitCache, Hashed, cached_file, snapshot_folder
from hfver.hub.client import HubRepo
from hfver.hub.download import download
from hfver.model.checkpoint import HashCache, hash_files
from hfver.registry.release_checks import (
    UNLISTED,
    check_against_tree,
    check_folder,
    check_links,
    check_names,
    check_tree,
)
from hfver.registry.resolve import Pinned, read_tree

__all__ = ["Snapshot", "download_files", "fetch_snapshot", "files_in"]

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
    hashed: Mapping[str, Hashed] = {}
    if any(cached_file(repo.name, commit, path) is None for path in paths):
        tree = pinned.tree or read_tree(repo, commit, where)
        check_tree(tree, manifest, where)
        if MANIFEST in paths - tree.keys():
            raise FileMissing(
                f"{where}: {MANIFEST} is missing from its commit.", "Do not use it until its owner has explained this."
            )
        # The signature is fetched too, so that it can be checked later, and by other tools, without a request.
        paths |= {SIGNATURE} & tree.keys()
        hashed = _download(pinned, tree, paths, manifest.files, progress)
    _check_if_changed(pinned, manifest.files, hashed, progress)
    return Snapshot(snapshot_folder(repo.name, commit), manifest.files)


def _check_if_changed(
    pinned: Pinned, files: Mapping[str, FileEntry], hashed: Mapping[str, Hashed], progress: Progress
) -> None:
    """Compare files with their hashes, unless their size, times and inodes are the same as when that was last done."""
    repo, commit, where = pinned.repo, pinned.release.commit, str(pinned.release)
    folder = snapshot_folder(repo.name, commit)
    check_links(folder, files, where)
    check_names(files_in(folder), files, where)
    files = {**files, **_manifest_entry(pinned)}
    before = _stats(folder, files, where)
    if repo.memory.verified(commit) == before:
        return
    rest = {path: entry for path, entry in files.items() if not _is_still(hashed.get(path), folder / path)}
    check_folder(folder, rest, where, cache=HashCache(), progress=progress)
    _cache_of(pinned).vouch_for_cached(files)
    # A file that was written while it was hashed must not be remembered as verified.
    if _stats(folder, files, where) == before:
        repo.memory.remember_verified(commit, before)


def _manifest_entry(pinned: Pinned) -> dict[str, FileEntry]:
    """Return what a release's manifest itself must be in the cache. An adopted release has none in its commit."""
    if pinned.raw is None or pinned.release.adopted:
        return {}
    return {MANIFEST: FileEntry(size=len(pinned.raw), sha256=digest_of(pinned.raw).removeprefix("sha256:"))}


def _cache_of(pinned: Pinned) -> CommitCache:
    return CommitCache(pinned.repo.name, pinned.release.commit, pinned.repo.hub.identity)


def _is_still(hashed: Hashed | None, file: Path) -> bool:
    """Return whether a file looks as it did when it was hashed on its way into the cache."""
    return hashed is not None and hashed.stamp == FileStamp.of(file.stat())


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
    tree = pinned.tree or repo.tree(commit)
    wanted = {path: file for path, file in tree.items() if include(path)}
    hashed = _download(pinned, tree, wanted, {}, progress)
    done = {path: one for path, one in hashed.items() if _is_still(one, folder / path)}
    rest = {path: file for path, file in wanted.items() if path not in done}
    files = check_against_tree(folder, rest, where, cache=HashCache(), progress=progress)
    files |= {path: FileEntry(size=one.stamp.size, sha256=one.sha256) for path, one in done.items()}
    _cache_of(pinned).vouch_for_cached(files)
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
        _download(pinned, tree, absent, files, progress)
    folder = snapshot_folder(repo.name, commit)
    check_folder(folder, files, where, cache=HashCache(), progress=progress)
    _cache_of(pinned).vouch_for_cached(files)
    return Snapshot(folder, files)


def _download(
    pinned: Pinned,
    tree: Mapping[str, TreeFile],
    paths: Iterable[str],
    files: Mapping[str, FileEntry],
    progress: Progress,
) -> Mapping[str, Hashed]:
    """Download files of a commit, which must be what its manifest or the lock says."""
    release = pinned.release
    try:
        return download_files(pinned.repo, release.commit, tree, paths, progress, {**files, **_manifest_entry(pinned)})
    except HubNotFound as error:
        raise ObjectGone(
            f"{release}: the repo does not have a file of this commit anymore. {error.message}",
            "Contact the owner of the repo. Anybody who has a copy can check it (hfver verify DIR), "
            "and upload the same bytes again.",
        ) from None


def download_files(
    repo: HubRepo,
    commit: str,
    tree: Mapping[str, TreeFile],
    paths: Iterable[str],
    progress: Progress,
    expected: Mapping[str, FileEntry] = MappingProxyType({}),
) -> Mapping[str, Hashed]:
    """Download files of a commit into the cache, as `hfver.hub.download.download` does, with this machine's hash cache.

    Raises:
        DigestMismatch: The Hub sends wrong bytes, or a different Hub claims other files for the commit.
        HubNotFound: The commit lacks one of the files.
        HubError: The Hub cannot be reached, or refuses the request.
    """
    hashes = HashCache()
    return download(
        repo, commit, tree, paths, progress,
        expected=expected, hash_file=lambda path: hash_files({"": path}, cache=hashes)[""],
    )  # fmt: skip


def _remove_damaged(pinned: Pinned) -> bool:
    """Remove the files of a commit from the cache that are not what they must be; return whether there were any.

    Raises:
        DigestMismatch: The files are those that a different Hub claims for the same commit.
    """
    damaged = _damaged(pinned)
    cache = _cache_of(pinned)
    cache.check_may_forget(damaged)
    for path in damaged:
        cache.forget(path)
    return bool(damaged)


def _damaged(pinned: Pinned) -> list[str]:
    """List the files of a commit in the cache that are not as released, locked or listed."""
    repo, release, manifest = pinned.repo, pinned.release, pinned.release.manifest
    folder, commit = snapshot_folder(release.repo, release.commit), release.commit
    files = pinned.files or repo.memory.files(commit, whole=True) or repo.memory.files(commit, whole=False)
    if manifest is not None:
        files = {**manifest.files, **_manifest_entry(pinned)}
    if files is None:
        tree = pinned.tree or repo.tree(commit)
        listed = {path: file for path, file in tree.items() if (folder / path).is_file()}
        return [path for path, file in listed.items() if not _holds(check_against_tree, folder, {path: file}, release)]
    there = {path: entry for path, entry in files.items() if (folder / path).is_file()}
    wrong = [path for path, entry in there.items() if not _holds(check_folder, folder, {path: entry}, release)]
    # The signature and the Hub's own rules are in no manifest, and whoever needs them checks them.
    extra = [path for path in files_in(folder) if path not in {*files, *UNLISTED}] if manifest else []
    return extra + wrong


def _holds(check: Callable[..., object], folder: Path, files: Mapping[str, object], release: Release) -> bool:
    try:
        check(folder, files, str(release), cache=None)
    except VerificationError:
        return False
    return True


def files_in(folder: Path) -> list[str]:
    """List the paths of all files below a folder, and of links to folders: they are not followed, but must be seen."""
    found: list[str] = []
    for base, folders, names in os.walk(folder):
        links = [name for name in folders if Path(base, name).is_symlink()]
        found += (Path(base, name).relative_to(folder).as_posix() for name in [*names, *links])
    return found
