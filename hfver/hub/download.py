"""Downloading a commit's files into the ordinary Hugging Face cache, pinned to that commit.

With huggingface_hub's layout, names and locks. A download that breaks goes on where it stopped, in this run or in the
next one. Files that the Hub keeps in Xet come by ``hf_hub_download``; large objects of an embedded Hub in this very
process are copied from its store. Nothing here checks content: that is `hfver.registry.release_checks`'s work.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from hfver.core.manifest import FileEntry
from hfver.core.progress import Progress
from hfver.errors import HubNotFound
from hfver.hub.client import Hub, HubRepo
from hfver.hub.listing import TreeFile
from hfver.hub.retry import Interrupted, persist
from hfver.hub.upload import COPY_TRANSFER, WORKERS, Batch, copy_file, lfs_batch, stored_path

__all__ = ["cached_file", "download", "forget_cached", "snapshot_folder"]

WORTH_COPYING = 1024 * 1024
"""Objects smaller than this, in bytes, are not worth the extra question how to copy them."""

WORTH_COUNTING = 1024 * 1024
"""Bytes after which a download that breaks again counts as broken for the first time."""


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


def download(repo: HubRepo, commit: str, files: Iterable[TreeFile], progress: Progress) -> Path:
    """Bring files of a commit into the cache; those that are there stay untouched.

    Returns:
        The snapshot folder, ``…/snapshots/<commit>``.

    Raises:
        HubNotFound: The commit lacks one of the files.
        HubError: The Hub cannot be reached, or refuses.
    """
    absent = {file.path: file for file in files if cached_file(repo.name, commit, file.path) is None}
    tally = _Tally(sum(file.size for file in absent.values()), progress)
    for path in _copy_out(repo, commit, absent, tally):
        del absent[path]
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda file: _download(repo, commit, file, tally), absent.values()))
    return snapshot_folder(repo.name, commit)


class _Tally:
    """Adds up bytes from several threads and tells the listener."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.total, self.done, self.progress, self.lock = total, 0, progress, Lock()

    def add(self, size: int) -> None:
        with self.lock:
            self.done += size
            self.progress("downloading", self.done, self.total)


def _download(repo: HubRepo, commit: str, file: TreeFile, tally: _Tally) -> None:
    from huggingface_hub import constants

    if file.xet and find_spec("hf_xet") and not constants.HF_HUB_DISABLE_XET:
        _download_by_xet(repo, commit, file, tally)
    else:
        _place(repo.name, commit, file, lambda blob: _receive(repo, commit, file, blob, tally))


def _receive(repo: HubRepo, commit: str, file: TreeFile, blob: Path, tally: _Tally) -> None:
    """Download a blob; what an earlier try brought stays, at the same offsets."""
    what, part = f"{repo}@{commit[:12]}: {file.path}", blob.with_name(f"{blob.name}.incomplete")
    url = f"/{repo}/resolve/{commit}/{quote(file.path)}"
    part.touch()
    tally.add(start if (start := part.stat().st_size) <= file.size else 0)
    reached = start

    def progressed() -> bool:
        nonlocal reached
        before, reached = reached, part.stat().st_size
        return reached - before >= WORTH_COUNTING

    with part.open("r+b", buffering=0) as stream, repo.hub.session.translated(what):
        persist(
            lambda: _go_on(repo.hub, url, file.size, stream, tally),
            repo.hub.session.retry_policy,
            progressed=progressed,
        )
    part.replace(blob)


def _go_on(hub: Hub, url: str, size: int, stream: FileIO, tally: _Tally) -> None:
    """Ask for the bytes from the end of a file on, and write them there; all of them if the Hub sends no parts."""
    start = stream.seek(0, os.SEEK_END)
    if start > size:
        start = stream.truncate(0)
    if start == size:
        return
    wanted = {"range": f"bytes={start}-"} if start else {}
    with hub.session.stream(url, {"accept-encoding": "identity", **wanted}) as response:
        if response.status_code != 206:
            tally.add(-start)
            start = 0
        stream.seek(start)
        for block in response.iter_bytes():
            stream.write(block)
            tally.add(len(block))
            if stream.tell() > size:
                break
    if stream.tell() != size:
        raise Interrupted(f"{stream.tell()} bytes came, not {size}")


def _download_by_xet(repo: HubRepo, commit: str, file: TreeFile, tally: _Tally) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import tqdm

    class Quiet(tqdm):
        """Feeds our progress in place of drawing a bar."""

        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **{**options, "disable": True})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            tally.add(int(n or 0))
            return None

    options: dict[str, Any] = {"endpoint": repo.hub.endpoint, "token": repo.hub.session.token, "tqdm_class": Quiet}
    repo.hub.session.lend(
        f"{repo}@{commit[:12]}: {file.path}", lambda: hf_hub_download(repo.name, file.path, revision=commit, **options)
    )


def _place(repo: str, commit: str, file: TreeFile, bring: Callable[[Path], None]) -> None:
    """Have a file's blob brought, under its lock, and make the snapshot point to it."""
    from huggingface_hub.utils import WeakFileLock

    snapshot, name = snapshot_folder(repo, commit), file.sha256 or file.blob
    storage = snapshot.parent.parent
    lock = storage.parent / ".locks" / storage.name / f"{name}.lock"
    blob, pointer = storage / "blobs" / name, snapshot / file.path
    for folder in (lock.parent, blob.parent, pointer.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if not blob.is_file() or blob.stat().st_size != file.size:
            bring(blob)
        if not pointer.exists():
            pointer.unlink(missing_ok=True)
            pointer.symlink_to(os.path.relpath(blob, pointer.parent))


def _copy_out(repo: HubRepo, commit: str, absent: Mapping[str, TreeFile], tally: _Tally) -> list[str]:
    """Copy large objects straight from the store of an embedded Hub in this process; returns their paths."""
    large = {path: file for path, file in absent.items() if file.sha256 and file.size >= WORTH_COPYING}
    if not large or repo.hub.store is None:
        return []
    entries = [FileEntry(size=file.size, sha256=str(file.sha256)) for file in large.values()]
    batch = lfs_batch(repo, "download", entries)
    if batch.transfer != COPY_TRANSFER:
        return []
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda file: _copy_object(repo, commit, file, batch, tally), large.values()))
    return list(large)


def _copy_object(repo: HubRepo, commit: str, file: TreeFile, batch: Batch, tally: _Tally) -> None:
    _place(repo.name, commit, file, lambda blob: _copy_blob(repo, batch, blob.name, blob))
    tally.add(file.size)


def _copy_blob(repo: HubRepo, batch: Batch, oid: str, blob: Path) -> None:
    if oid not in batch.actions:
        raise HubNotFound(f"{repo}: LFS object {oid} is gone from the Hub.")
    part = blob.with_name(f"{oid}.{os.getpid()}.incomplete")
    try:
        copy_file(stored_path(repo.hub, batch.actions[oid]["download"]), part)
        part.replace(blob)
    finally:
        part.unlink(missing_ok=True)
