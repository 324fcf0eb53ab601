"""Uploading the Git-LFS objects that the Hub lacks.

Over HTTP, huggingface_hub's Git-LFS code sends them, as open files whose hash is known. After a failed upload, the Hub
is asked again whether it lacks the object, so one that arrived although the answer was lost is not sent twice. An
embedded Hub in this process offers the transfer ``hfver-copy`` instead: the kernel copies the file into its store, and
no byte goes through a socket. Either way the Hub hashes what it received, and a file that is no longer what was hashed
here is an error that names it.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from hfver.core.disk import check_space, free_bytes, shares_blocks, writing
from hfver.core.manifest import FileEntry
from hfver.core.progress import Progress
from hfver.errors import BadCheckpoint, HubDenied, HubError, HubUnreachable
from hfver.hub.client import Hub, HubRepo
from hfver.hub.redirects import on_endpoint
from hfver.hub.responses import object_id, parsing, text

__all__ = [
    "Source",
    "check_source",
    "copy_content",
    "copy_file",
    "lfs_batch",
    "missing_objects",
    "stored_path",
    "upload_objects",
]

COPY_TRANSFER = "hfver-copy"
"""The Git-LFS transfer of an embedded Hub that runs in this process."""

HASHED_PER_SECOND = 50_000_000
"""Bytes per second that a Hub must be able to hash after an upload; it may stay silent for as long as that takes."""

LFS_JSON = "application/vnd.git-lfs+json"

WORKERS = min(8, (os.cpu_count() or 2) * 2)
"""Number of transfers at a time."""

ELSEWHERE = "move the folder of the Hub to a larger disk"

Source = Path | bytes
"""Where to read a file's content: a path, or the bytes themselves."""


@dataclass(frozen=True)
class LfsBatch:
    """The Hub's response to a Git-LFS batch request: the transfer that it chose, and the actions by SHA-256."""

    transfer: str
    actions: Mapping[str, Mapping[str, Any]]


def lfs_batch(repo: HubRepo, operation: str, entries: Iterable[FileEntry]) -> LfsBatch:
    """Ask the Hub how to transfer objects.

    Args:
        repo: The repo.
        operation: ``upload`` or ``download``.
        entries: The objects.

    Returns:
        The actions; for an upload, without the objects that the Hub has.

    Raises:
        HubError: The Hub refuses an object, or lacks one that is to be downloaded.
    """
    sizes = {entry.sha256: entry.size for entry in entries}
    objects = [{"oid": oid, "size": size} for oid, size in sizes.items()]
    transfer, actions = "basic", dict[str, Mapping[str, Any]]()
    for start in range(0, len(objects), 256):
        answer = _post_batch(repo, operation, objects[start : start + 256])
        with parsing(repo.name, repo.hub.place):
            transfer = text(answer.get("transfer") or "basic")
            actions.update(_actions(repo, operation, answer))
    return LfsBatch(transfer, actions)


def missing_objects(repo: HubRepo, entries: Iterable[FileEntry]) -> set[str]:
    """Return the SHA-256 of the objects that would have to be uploaded."""
    return set(lfs_batch(repo, "upload", entries).actions)


def upload_objects(
    repo: HubRepo,
    sources: Mapping[str, Source],
    entries: Mapping[str, FileEntry],
    progress: Progress,
) -> int:
    """Upload the LFS objects that the Hub lacks.

    Args:
        repo: The repo.
        sources: Where to read each file, by its path in the repo.
        entries: The size and SHA-256 of the same files.
        progress: Called with the number of bytes uploaded.

    Returns:
        The number of bytes that were sent.

    Raises:
        BadCheckpoint: A file is no longer what its entry says.
        DiskError: The store of an embedded Hub has no room, or cannot be written.
        HubError: The Hub cannot be reached, or refuses the request.
    """
    batch = lfs_batch(repo, "upload", (entries[path] for path in sources))
    missing = {entries[path].sha256: path for path in sources if entries[path].sha256 in batch.actions}
    total = sum(entries[path].size for path in missing.values())
    if not missing:
        return 0
    progress("uploading", 0, total)
    try:
        if batch.transfer == COPY_TRANSFER:
            _copy_to_store(repo, batch, {oid: sources[path] for oid, path in missing.items()}, total, progress)
        else:
            _send(repo, batch, [(sources[path], entries[path]) for path in missing.values()], total, progress)
    except (HubUnreachable, HubDenied):
        raise
    except HubError:
        # Hubs report in many ways that the bytes are not the announced ones; only the file itself tells for sure.
        for path in missing.values():
            if isinstance(source := sources[path], Path):
                check_source(source, entries[path])
        raise
    progress("uploading", total, total)
    return total


def check_source(source: Path, expected: FileEntry, found: FileEntry | None = None) -> None:
    """Compare what a file contains now with what it was hashed to.

    Args:
        source: The file.
        expected: The size and SHA-256 that it had.
        found: Those of the bytes that were read from it just now; None to read it here.

    Raises:
        BadCheckpoint: It differs. Its times need not show that: a write through a mapping may leave them as they were.
    """
    if found is None:
        with source.open("rb", buffering=0) as file:
            found = FileEntry(sha256=hashlib.file_digest(file, "sha256").hexdigest(), size=file.tell())
    if found != expected:
        raise BadCheckpoint(
            f"{source} changed since it was read: it was sha256:{expected.sha256} ({expected.size} bytes), "
            f"and is now sha256:{found.sha256} ({found.size} bytes).",
            "Wait until nothing writes to the folder, then run the command again.",
        )


def stored_path(hub: Hub, action: Mapping[str, Any]) -> Path:
    """Return the file in the store of an embedded Hub that an action points to.

    Raises:
        HubError: It is outside the Hub's folder.
    """
    path = Path(unquote(urlsplit(str(action["href"])).path))
    if hub.store is None or not path.resolve().is_relative_to(hub.store.resolve()):
        raise HubError(f"{hub.place} named a file outside its own folder for a copy: {path}.")
    return path


def copy_file(source: Path, target: Path) -> None:
    """Copy a file in the kernel, which shares the blocks if the file system can."""
    with source.open("rb") as reader, target.open("wb") as writer:
        copy_content(reader, writer)


def copy_content(reader: BinaryIO, writer: BinaryIO) -> None:
    """Copy the content of an open file to an empty one, as `copy_file` does."""
    left = os.fstat(reader.fileno()).st_size
    try:
        while left > 0 and (done := os.copy_file_range(reader.fileno(), writer.fileno(), left)):
            left -= done
    except OSError:
        reader.seek(0)
        writer.seek(0)
        while block := reader.read(8 * 1024 * 1024):
            writer.write(block)


def _post_batch(repo: HubRepo, operation: str, objects: list[dict[str, Any]]) -> dict[str, Any]:
    # The order is that of preference; "multipart" is huggingface.co's transfer for objects of more than 5 GB.
    transfers = [*([COPY_TRANSFER] if repo.hub.store else []), "basic", "multipart"]
    body = {"operation": operation, "transfers": transfers, "objects": objects, "hash_algo": "sha256"}
    headers = {"accept": LFS_JSON, "content-type": LFS_JSON}
    path = f"/{repo}.git/info/lfs/objects/batch"
    # Our own Hub hashes objects that an earlier version left in its store before it answers that it has them.
    timeout = _response_timeout(repo, sum(one["size"] for one in objects) if repo.hub.store else 0)
    response = repo.request("POST", path, repo.name, json=body, headers=headers, timeout=timeout)
    with parsing(repo.name, repo.hub.place):
        return dict(response.json())


def _response_timeout(repo: HubRepo, size: int) -> float:
    """Return the seconds to wait for a response before which the Hub may hash this many bytes."""
    return repo.hub.session.retry_policy.timeout + size / HASHED_PER_SECOND


def _actions(repo: HubRepo, operation: str, answer: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for item in answer["objects"]:
        if "error" in item:
            message = item["error"].get("message", "no reason given")
            raise HubError(f"{repo}: the Hub refuses to {operation} LFS object {item.get('oid')}: {message}.")
        if item.get("actions"):
            yield object_id(item["oid"]), _checked(repo, item["actions"])


def _checked(repo: HubRepo, actions: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse addresses of unknown schemes, and send requests that carry the token to the Hub's own origin alone."""
    checked = dict(actions)
    schemes = {"http", "https", "file"} if repo.hub.store else {"http", "https"}
    for name, action in actions.items():
        href = urlsplit(text(action["href"]))
        if href.scheme not in schemes:
            raise HubError(
                f"{repo}: {repo.hub.place} asks to {name} LFS objects by {href.scheme!r}, which is not supported.",
                "Check the address of the Hub (--hub, HF_ENDPOINT).",
            )
        if name != "verify":
            continue
        checked[name] = {**action, "href": (ours := on_endpoint(repo.hub.endpoint, action["href"]))}
        if ours is None:
            raise HubError(
                f"{repo}: {repo.hub.place} asks to verify LFS objects at a different host ({href.hostname}), "
                "which would get your token.",
                "Check the address of the Hub (--hub, HF_ENDPOINT).",
            )
    return checked


def _copy_to_store(
    repo: HubRepo, batch: LfsBatch, sources: Mapping[str, Source], total: int, progress: Progress
) -> None:
    done = 0
    _check_store(repo.hub, sources, total)

    def copy(oid: str) -> int:
        actions, source = batch.actions[oid], sources[oid]
        target = stored_path(repo.hub, actions["upload"])
        with writing(target, len(source) if isinstance(source, bytes) else source.stat().st_size, ELSEWHERE):
            if isinstance(source, bytes):
                target.write_bytes(source)
            else:
                copy_file(source, target)
        size = target.stat().st_size
        facts, timeout = {"oid": oid, "size": size}, _response_timeout(repo, size)
        repo.request("POST", actions["verify"]["href"], repo.name, json=facts, timeout=timeout)
        return size

    with ThreadPoolExecutor(WORKERS) as pool:
        for size in pool.map(copy, sources):
            done += size
            progress("uploading", done, total)


def _check_store(hub: Hub, sources: Mapping[str, Source], total: int) -> None:
    """Check that the store of an embedded Hub has room, unless copies need none.

    Raises:
        DiskError: It has not.
    """
    store = hub.store
    if store is None:
        return
    files = [source for source in sources.values() if isinstance(source, Path)]
    if total > (free_bytes(store) or total) and files and shares_blocks(files[0], store):
        return
    largest = max((file.stat().st_size for file in files), default=0)
    check_space(store, total, largest=largest, elsewhere=ELSEWHERE, what="the files of the release")


def _send(
    repo: HubRepo, batch: LfsBatch, objects: Iterable[tuple[Source, FileEntry]], total: int, progress: Progress
) -> None:
    done = 0
    with ThreadPoolExecutor(WORKERS) as pool, _without_deprecation():
        for size in pool.map(lambda item: _send_object(repo, batch, *item), objects):
            done += size
            progress("uploading", done, total)


def _send_object(repo: HubRepo, batch: LfsBatch, source: Source, entry: FileEntry) -> int:
    """Send one object by huggingface_hub. After a failure, ask for new links: old ones may have expired."""
    actions: Iterator[Mapping[str, Any] | None] = iter([batch.actions[entry.sha256]])

    # lfs_upload retries broken connections itself; statuses such as 503, and expired links, are for us.
    def send() -> None:
        links = next(actions, None) or lfs_batch(repo, "upload", [entry]).actions.get(entry.sha256)
        if links is not None:
            _upload(repo.hub, source, entry, links)

    repo.hub.session.call_client(
        f"{repo}: LFS object {entry.sha256}", send, lost=False, silence=entry.size / HASHED_PER_SECOND
    )
    return entry.size


def _upload(hub: Hub, source: Source, entry: FileEntry, actions: Mapping[str, Any]) -> None:
    from huggingface_hub import CommitOperationAdd
    from huggingface_hub.lfs import lfs_upload

    # Created with empty content and filled in afterwards, because its constructor would hash the content again.
    addition = CommitOperationAdd("object", b"")
    addition.upload_info.sha256, addition.upload_info.size = bytes.fromhex(entry.sha256), entry.size
    token: Any = hub.session.token  # the annotation lacks False, which stands for no token at all
    action = {"oid": entry.sha256, "size": entry.size, "actions": dict(actions)}
    with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        addition.path_or_fileobj = file
        lfs_upload(addition, action, token=token, headers=hub.session.headers(), endpoint=hub.endpoint)


@contextmanager
def _without_deprecation() -> Iterator[None]:
    """Suppress a deprecation warning that the HTTP library has for huggingface_hub, not for us."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Use 'content=", DeprecationWarning)
        yield
