"""Downloading a commit's files into the ordinary Hugging Face cache, pinned to that commit.

Files come by ``hf_hub_download``, with its locks, resumption and progress. Large objects of an embedded Hub in this
very process are copied from its store instead. Nothing here checks content: that is ``verifying``'s work.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from urllib.parse import unquote, urlsplit

from hfver.errors import HubNotFound
from hfver.hub.client import Hub, TreeFile
from hfver.hub.uploading import COPY_TRANSFER, WORKERS, Batch, copy_file, lfs_batch
from hfver.manifest import FileEntry
from hfver.progress import Progress

__all__ = ["cached_file", "fetch", "forget_cached", "snapshot_folder"]

WORTH_COPYING = 1024 * 1024
"""Objects smaller than this, in bytes, are not worth the extra question how to copy them."""


def snapshot_folder(repo: str, commit: str) -> Path:
    """Name the cache folder that holds a commit's files."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = repo_folder_name(repo_id=repo, repo_type="model")
    return Path(constants.HF_HUB_CACHE) / folder / "snapshots" / commit


def cached_file(repo: str, commit: str, path: str) -> Path | None:
    """Find a file of a commit in the cache, without the network."""
    file = snapshot_folder(repo, commit) / path
    return file if file.is_file() else None


def forget_cached(repo: str, commit: str, path: str) -> None:
    """Remove a file whose content is wrong from the cache, so that it is fetched anew."""
    pointer = snapshot_folder(repo, commit) / path
    blob = pointer.resolve()
    pointer.unlink(missing_ok=True)
    blob.unlink(missing_ok=True)


def fetch(hub: Hub, repo: str, commit: str, files: Iterable[TreeFile], progress: Progress) -> Path:
    """Bring files of a commit into the cache; those that are there stay untouched.

    Returns:
        The snapshot folder, ``…/snapshots/<commit>``.

    Raises:
        HubNotFound: The commit lacks one of the files.
        HubError: The Hub cannot be reached, or refuses.
    """
    absent = {file.path: file for file in files if cached_file(repo, commit, file.path) is None}
    tally = _Tally(sum(file.size for file in absent.values()), progress)
    for path in _copy_out(hub, repo, commit, absent, tally):
        del absent[path]
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda file: _download(hub, repo, commit, file, tally), absent.values()))
    return snapshot_folder(repo, commit)


class _Tally:
    """Adds up bytes from several threads and tells the listener."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.total, self.done, self.progress, self.lock = total, 0, progress, Lock()

    def add(self, size: int) -> None:
        with self.lock:
            self.done += size
            self.progress("downloading", self.done, self.total)


def _download(hub: Hub, repo: str, commit: str, file: TreeFile, tally: _Tally) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import tqdm

    class Quiet(tqdm):
        """Feeds our progress in place of drawing a bar."""

        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **{**options, "disable": True})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            tally.add(int(n or 0))
            return None

    with hub.session.translated(f"{repo}@{commit[:12]}: {file.path}"):
        hf_hub_download(
            repo, file.path, revision=commit, endpoint=hub.endpoint, token=hub.session.token, tqdm_class=Quiet
        )


def _copy_out(hub: Hub, repo: str, commit: str, absent: Mapping[str, TreeFile], tally: _Tally) -> list[str]:
    """Copy large objects straight from the store of an embedded Hub in this process; returns their paths."""
    large = {path: file for path, file in absent.items() if file.sha256 and file.size >= WORTH_COPYING}
    if not large or not hub.is_loopback:
        return []
    entries = [FileEntry(size=file.size, sha256=str(file.sha256)) for file in large.values()]
    batch = lfs_batch(hub, repo, "download", entries)
    if batch.transfer != COPY_TRANSFER:
        return []
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda file: _copy_object(repo, commit, file, batch, tally), large.values()))
    return list(large)


def _copy_object(repo: str, commit: str, file: TreeFile, batch: Batch, tally: _Tally) -> None:
    from huggingface_hub.utils import WeakFileLock

    snapshot = snapshot_folder(repo, commit)
    storage, oid = snapshot.parent.parent, str(file.sha256)
    lock = storage.parent / ".locks" / storage.name / f"{oid}.lock"
    blob, pointer = storage / "blobs" / oid, snapshot / file.path
    for folder in (lock.parent, blob.parent, pointer.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if not blob.is_file() or blob.stat().st_size != file.size:
            _copy_blob(repo, batch, oid, blob)
        if not pointer.exists():
            pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    tally.add(file.size)


def _copy_blob(repo: str, batch: Batch, oid: str, blob: Path) -> None:
    if oid not in batch.actions:
        raise HubNotFound(f"{repo}: LFS object {oid} is gone from the Hub.")
    part = blob.with_name(f"{oid}.{os.getpid()}.incomplete")
    try:
        copy_file(Path(unquote(urlsplit(batch.actions[oid]["download"]["href"]).path)), part)
        part.replace(blob)
    finally:
        part.unlink(missing_ok=True)
