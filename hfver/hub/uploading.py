"""Uploading Git-LFS objects: those that the Hub lacks, and no byte more.

Over HTTP the bytes go by huggingface_hub, as open binary files whose hash is known: that is plain Git-LFS, without a
second hash and without Xet. An embedded Hub in this very process offers ``hfver-copy`` instead: its store is a folder
of ours, so the file is copied there by the kernel and never crosses a socket.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from hfver.errors import HubError
from hfver.hub.client import Hub
from hfver.manifest import FileEntry
from hfver.progress import Progress

__all__ = ["Source", "copy_file", "lfs_batch", "missing_objects", "upload_objects"]

COPY_TRANSFER = "hfver-copy"
LFS_JSON = "application/vnd.git-lfs+json"
WORKERS = min(8, (os.cpu_count() or 2) * 2)

Source = Path | bytes


@dataclass(frozen=True)
class Batch:
    """The Hub's answer to what is to be transferred: the adapter it chose, and the actions by SHA-256."""

    transfer: str
    actions: Mapping[str, Mapping[str, Any]]


def lfs_batch(hub: Hub, repo: str, operation: str, entries: Iterable[FileEntry]) -> Batch:
    """Ask the Hub how to transfer objects; on upload, those that it has are not in the answer.

    Raises:
        HubError: The Hub refuses an object, or lacks one that is to be downloaded.
    """
    sizes = {entry.sha256: entry.size for entry in entries}
    objects = [{"oid": oid, "size": size} for oid, size in sizes.items()]
    transfer, actions = "basic", dict[str, Mapping[str, Any]]()
    for start in range(0, len(objects), 256):
        answer = _post_batch(hub, repo, operation, objects[start : start + 256])
        transfer = answer.get("transfer") or "basic"
        actions.update(_actions(repo, operation, answer))
    return Batch(transfer, actions)


def missing_objects(hub: Hub, repo: str, entries: Iterable[FileEntry]) -> set[str]:
    """Tell which objects the Hub lacks, by SHA-256."""
    return set(lfs_batch(hub, repo, "upload", entries).actions)


def upload_objects(
    hub: Hub,
    repo: str,
    branch: str,
    sources: Mapping[str, Source],
    entries: Mapping[str, FileEntry],
    progress: Progress,
) -> int:
    """Send the LFS objects that the Hub lacks; returns how many bytes were sent.

    Args:
        hub: Where to.
        repo: The repo whose store they go to.
        branch: The branch they will be committed to.
        sources: Where to read each file from, by its path in the repo.
        entries: Size and SHA-256 of the same files.
        progress: Told the bytes that are through.
    """
    batch = lfs_batch(hub, repo, "upload", (entries[path] for path in sources))
    wanted = {entries[path].sha256: path for path in sources if entries[path].sha256 in batch.actions}
    total = sum(entries[path].size for path in wanted.values())
    if not wanted:
        return 0
    progress("uploading", 0, total)
    if batch.transfer == COPY_TRANSFER:
        _copy_in(hub, repo, batch, {oid: sources[path] for oid, path in wanted.items()}, total, progress)
    else:
        _send(hub, repo, branch, {path: sources[path] for path in wanted.values()}, entries)
    progress("uploading", total, total)
    return total


def copy_file(source: Path, target: Path) -> None:
    """Copy a file inside the kernel, sharing its blocks where the file system can."""
    with source.open("rb") as reader, target.open("wb") as writer:
        left = os.fstat(reader.fileno()).st_size
        try:
            while left > 0 and (done := os.copy_file_range(reader.fileno(), writer.fileno(), left)):
                left -= done
        except OSError:
            reader.seek(0)
            writer.seek(0)
            while block := reader.read(8 * 1024 * 1024):
                writer.write(block)


def _post_batch(hub: Hub, repo: str, operation: str, objects: list[dict[str, Any]]) -> dict[str, Any]:
    transfers = [COPY_TRANSFER, "basic"] if hub.is_loopback else ["basic"]
    body = {"operation": operation, "transfers": transfers, "objects": objects, "hash_algo": "sha256"}
    headers = {"accept": LFS_JSON, "content-type": LFS_JSON}
    path = f"/{repo}.git/info/lfs/objects/batch"
    answer: dict[str, Any] = hub.session.request("POST", path, repo, json=body, headers=headers).json()
    return answer


def _actions(repo: str, operation: str, answer: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for item in answer.get("objects", []):
        if "error" in item:
            message = item["error"].get("message", "no reason given")
            raise HubError(f"{repo}: the Hub cannot {operation} LFS object {item.get('oid')}: {message}.")
        if item.get("actions"):
            yield item["oid"], item["actions"]


def _copy_in(hub: Hub, repo: str, batch: Batch, sources: Mapping[str, Source], total: int, progress: Progress) -> None:
    done = 0

    def copy(oid: str) -> int:
        actions, source = batch.actions[oid], sources[oid]
        target = Path(unquote(urlsplit(actions["upload"]["href"]).path))
        if isinstance(source, bytes):
            target.write_bytes(source)
        else:
            copy_file(source, target)
        size = target.stat().st_size
        hub.session.request("POST", actions["verify"]["href"], repo, json={"oid": oid, "size": size})
        return size

    with ThreadPoolExecutor(WORKERS) as pool:
        for size in pool.map(copy, sources):
            done += size
            progress("uploading", done, total)


def _send(hub: Hub, repo: str, branch: str, sources: Mapping[str, Source], entries: Mapping[str, FileEntry]) -> None:
    """Send files by huggingface_hub, open and already hashed, which it does by plain Git-LFS."""
    from huggingface_hub import CommitOperationAdd, HfApi

    with ExitStack() as files, _quiet(), hub.session.translated(repo):
        additions = []
        for path, source in sources.items():
            addition = CommitOperationAdd(path, source)
            addition.upload_info.sha256 = bytes.fromhex(entries[path].sha256)
            addition.path_or_fileobj = (
                BytesIO(source) if isinstance(source, bytes) else files.enter_context(source.open("rb"))
            )
            additions.append(addition)
        HfApi(hub.endpoint, token=hub.session.token).preupload_lfs_files(
            repo, additions, revision=branch, num_threads=WORKERS, free_memory=False
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the client's advice that open files do not go by Xet (that is why they are open), and httpx's to it."""

    class NoXet(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            return "Xet" not in record.getMessage()

    logger, no_xet = logging.getLogger("huggingface_hub._commit_api"), NoXet()
    logger.addFilter(no_xet)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Use 'content=", DeprecationWarning)
        try:
            yield
        finally:
            logger.removeFilter(no_xet)
