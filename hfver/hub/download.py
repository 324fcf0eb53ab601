"""Downloading a commit's files into the ordinary Hugging Face cache, with huggingface_hub's layout, names and locks.

An interrupted download continues where it stopped, in this run or the next one. Files that the Hub keeps in Xet are
downloaded by ``hf_hub_download``. Large objects of an embedded Hub in this process are copied from its store. Nothing
here checks content: `hfver.registry.release_checks` does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from hfver.core.below import holder, unlink_below
from hfver.core.manifest import FileEntry
from hfver.core.progress import Progress
from hfver.errors import HubNotFound
from hfver.hub.client import Hub, HubRepo
from hfver.hub.listing import TreeFile
from hfver.hub.retry import Interrupted, call_with_retries
from hfver.hub.upload import COPY_TRANSFER, WORKERS, LfsBatch, copy_file, lfs_batch, stored_path

__all__ = ["cached_file", "download", "forget_cached", "snapshot_folder"]

WORTH_COPYING = 1024 * 1024
"""Minimum size of objects that are copied from the store of an embedded Hub: copying needs a request of its own."""

PROGRESS_BYTES = 1024 * 1024
"""Bytes after which a download counts as making progress, so that its next failure is its first one."""


_BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def snapshot_folder(repo: str, commit: str) -> Path:
    """Return the cache folder with a commit's files."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = repo_folder_name(repo_id=repo, repo_type="model")
    return Path(constants.HF_HUB_CACHE) / folder / "snapshots" / commit


def cached_file(repo: str, commit: str, path: str) -> Path | None:
    """Find a file of a commit in the cache; return None if it is not there. Sends no request."""
    file = snapshot_folder(repo, commit) / path
    return file if file.is_file() else None


def forget_cached(repo: str, commit: str, path: str) -> None:
    """Remove a file with wrong content from the cache, so that it is downloaded again.

    Its blob is removed too. Any other file that a link leads to is somebody else's, and stays.

    Raises:
        UsageError: A folder of the snapshot is a link.
    """
    storage = snapshot_folder(repo, commit).parents[1]
    blob = _blob_of(storage / "snapshots" / commit / path, storage / "blobs")
    shared = _blob_of(blob, storage.parent / "blobs") if blob else None
    unlink_below(storage, f"snapshots/{commit}/{path}")
    if blob is not None:
        unlink_below(storage, f"blobs/{blob.name}")
    if shared is not None:
        unlink_below(storage.parent, shared.relative_to(storage.parent).as_posix())


def _blob_of(link: Path, blobs: Path) -> Path | None:
    """Return the file in a folder of blobs that a link names; None for anything else."""
    if not link.is_symlink():
        return None
    target = Path(os.path.normpath(link.parent / link.readlink()))
    return target if target.is_relative_to(blobs) and _BLOB.fullmatch(target.name) else None


def download(repo: HubRepo, commit: str, files: Iterable[TreeFile], progress: Progress) -> Path:
    """Download files of a commit into the cache, without those that are there.

    Args:
        repo: The repo.
        commit: The commit, 40 hex digits.
        files: The files.
        progress: Called with the number of bytes downloaded.

    Returns:
        The snapshot folder, ``…/snapshots/<commit>``.

    Raises:
        HubNotFound: The commit lacks one of the files.
        HubError: The Hub cannot be reached, or refuses the request.
    """
    absent = {file.path: file for file in files if cached_file(repo.name, commit, file.path) is None}
    counter = _ByteCounter(sum(file.size for file in absent.values()), progress)
    for path in _copy_from_store(repo, commit, absent, counter):
        del absent[path]
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda file: _download(repo, commit, file, counter), absent.values()))
    return snapshot_folder(repo.name, commit)


class _ByteCounter:
    """Adds up bytes from several threads and reports them."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.total, self.done, self.progress, self.lock = total, 0, progress, Lock()

    def add(self, size: int) -> None:
        with self.lock:
            self.done += size
            self.progress("downloading", self.done, self.total)


def _download(repo: HubRepo, commit: str, file: TreeFile, counter: _ByteCounter) -> None:
    from huggingface_hub import constants

    if file.xet and find_spec("hf_xet") and not constants.HF_HUB_DISABLE_XET:
        _download_by_xet(repo, commit, file, counter)
    else:
        _store(repo.name, commit, file, lambda blob: _download_blob(repo, commit, file, blob, counter))


def _download_blob(repo: HubRepo, commit: str, file: TreeFile, blob: Path, counter: _ByteCounter) -> None:
    """Download a blob, after the bytes that an earlier attempt left in its ``.incomplete`` file."""
    what, part = f"{repo}@{commit[:12]}: {file.path}", blob.with_name(f"{blob.name}.incomplete")
    url = f"/{repo}/resolve/{commit}/{quote(file.path)}"
    part.touch()
    counter.add(start if (start := part.stat().st_size) <= file.size else 0)
    reached = start

    def progressed() -> bool:
        nonlocal reached
        before, reached = reached, part.stat().st_size
        return reached - before >= PROGRESS_BYTES

    with part.open("r+b", buffering=0) as stream, repo.hub.session.translated(what):
        call_with_retries(
            lambda: _continue(repo.hub, url, file.size, stream, counter),
            repo.hub.session.retry_policy,
            progressed=progressed,
        )
    part.replace(blob)


def _continue(hub: Hub, url: str, size: int, stream: FileIO, counter: _ByteCounter) -> None:
    """Download the rest of a file; all of it if the Hub ignores the requested range."""
    start = stream.seek(0, os.SEEK_END)
    if start > size:  # then it is not the beginning of this file
        start = stream.truncate(0)
    if start == size:
        return
    # From the first byte on, too: storage behind a Hub answers large requests without a range differently.
    rest = {"range": f"bytes={start}-"}
    # Ranges count the bytes of the file itself, so the response must not be compressed.
    with hub.session.stream(url, {"accept-encoding": "identity", **rest}) as response:
        if response.status_code != 206:
            counter.add(-start)
            start = 0
        stream.seek(start)
        for block in response.iter_bytes():
            stream.write(block)
            counter.add(len(block))
            if stream.tell() > size:
                break
    if stream.tell() != size:
        raise Interrupted(f"received {stream.tell()} bytes instead of {size}")


def _download_by_xet(repo: HubRepo, commit: str, file: TreeFile, counter: _ByteCounter) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import tqdm

    class ByteReport(tqdm):
        """Reports bytes to the counter instead of drawing a progress bar."""

        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **{**options, "disable": True})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            counter.add(int(n or 0))
            return None

    session = repo.hub.session
    options: dict[str, Any] = {"endpoint": session.endpoint, "token": session.token, "tqdm_class": ByteReport}
    session.call_client(
        f"{repo}@{commit[:12]}: {file.path}", lambda: hf_hub_download(repo.name, file.path, revision=commit, **options)
    )


def _store(repo: str, commit: str, file: TreeFile, write_blob: Callable[[Path], None]) -> None:
    """Write a file's blob under its lock, unless it exists, and link to it from the snapshot."""
    from huggingface_hub.utils import WeakFileLock

    snapshot, name = snapshot_folder(repo, commit), file.sha256 or file.blob
    storage = snapshot.parent.parent
    lock = storage.parent / ".locks" / storage.name / f"{name}.lock"
    blob, pointer = storage / "blobs" / name, snapshot / file.path
    for own in (lock.parent, blob.parent):
        own.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if not blob.is_file() or blob.stat().st_size != file.size:
            write_blob(blob)
        with holder(storage, f"snapshots/{commit}/{file.path}", create=True) as (folder, link):
            if not pointer.exists():
                with suppress(FileNotFoundError):
                    os.unlink(link, dir_fd=folder)
                os.symlink(os.path.relpath(blob, pointer.parent), link, dir_fd=folder)


def _copy_from_store(repo: HubRepo, commit: str, absent: Mapping[str, TreeFile], counter: _ByteCounter) -> list[str]:
    """Copy large objects from the store of an embedded Hub in this process, and return their paths."""
    large = {path: file for path, file in absent.items() if file.sha256 and file.size >= WORTH_COPYING}
    if not large or repo.hub.store is None:
        return []
    entries = [FileEntry(size=file.size, sha256=str(file.sha256)) for file in large.values()]
    batch = lfs_batch(repo, "download", entries)
    if batch.transfer != COPY_TRANSFER:
        return []
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda file: _copy_object(repo, commit, file, batch, counter), large.values()))
    return list(large)


def _copy_object(repo: HubRepo, commit: str, file: TreeFile, batch: LfsBatch, counter: _ByteCounter) -> None:
    _store(repo.name, commit, file, lambda blob: _copy_blob(repo, batch, blob.name, blob))
    counter.add(file.size)


def _copy_blob(repo: HubRepo, batch: LfsBatch, oid: str, blob: Path) -> None:
    if oid not in batch.actions:
        raise HubNotFound(f"{repo}: LFS object {oid} is missing from the Hub.")
    part = blob.with_name(f"{oid}.{os.getpid()}.incomplete")
    try:
        copy_file(stored_path(repo.hub, batch.actions[oid]["download"]), part)
        part.replace(blob)
    finally:
        part.unlink(missing_ok=True)
