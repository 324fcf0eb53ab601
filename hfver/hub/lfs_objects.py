"""LFS objects on the Hub: finding missing ones, and hashing their content without storing it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from urllib.parse import quote

from hfver.core.manifest import FileEntry
from hfver.errors import HubNotFound
from hfver.hub.client import Hub, HubRepo
from hfver.hub.responses import parsing, text
from hfver.hub.retry import call_with_retries
from hfver.hub.upload import LFS_JSON

__all__ = ["hash_file", "lacking_objects"]

PER_REQUEST = 256
"""Objects per request."""

BLOCK = 1024 * 1024
"""Bytes that are hashed at once."""


def lacking_objects(repo: HubRepo, entries: Iterable[FileEntry]) -> set[str]:
    """Return the SHA-256 of the objects that the Hub does not have. No content is transferred."""
    objects = [{"oid": entry.sha256, "size": entry.size} for entry in _unique(entries)]
    lacking: set[str] = set()
    for start in range(0, len(objects), PER_REQUEST):
        body = {
            "operation": "download",
            "transfers": ["basic"],  # nothing is transferred; the actions tell which objects exist
            "objects": objects[start : start + PER_REQUEST],
            "hash_algo": "sha256",
        }
        headers = {"accept": LFS_JSON, "content-type": LFS_JSON}
        path = f"/{repo}.git/info/lfs/objects/batch"
        response = repo.request("POST", path, f"{repo}: LFS objects", json=body, headers=headers)
        with parsing(repo.name, repo.hub.place):
            items = response.json()["objects"]
            present = {text(item["oid"]) for item in items if (item.get("actions") or {}).get("download")}
        lacking |= {str(one["oid"]) for one in objects[start : start + PER_REQUEST]} - present
    return lacking


def _unique(entries: Iterable[FileEntry]) -> list[FileEntry]:
    """Remove duplicates and sort, so that the same objects always make the same requests."""
    return sorted({(entry.sha256, entry.size): entry for entry in entries}.values(), key=lambda entry: entry.sha256)


def hash_file(repo: HubRepo, place: tuple[str, str], size: int, on_bytes: Callable[[int], None]) -> FileEntry | None:
    """Download a file and hash it without storing it.

    Args:
        repo: The repo.
        place: The commit, and the file's path in it.
        size: The expected size in bytes; a file with more is not read to its end.
        on_bytes: Called with the number of bytes received; with a negative number if they have to be received again.

    Returns:
        The size and SHA-256 of what the Hub sent; None if the Hub does not have the file.

    Raises:
        HubError: The download failed repeatedly.
    """
    commit, path = place
    try:
        with repo.hub.session.translated(f"{repo}@{commit[:12]}: {path}"):
            url = f"/{repo}/resolve/{commit}/{quote(path)}"
            return call_with_retries(lambda: _hash_once(repo.hub, url, size, on_bytes), repo.hub.session.retry_policy)
    except HubNotFound:
        return None


def _hash_once(hub: Hub, url: str, size: int, on_bytes: Callable[[int], None]) -> FileEntry:
    received, digest = 0, hashlib.sha256()
    try:
        rest = {"range": "bytes=0-"} if size else {}  # an empty file has no byte to ask for
        with hub.session.stream(url, {"accept-encoding": "identity", **rest}) as response:
            for block in response.iter_bytes(BLOCK):
                digest.update(block)
                received += len(block)
                on_bytes(len(block))
                if received > size:
                    break
    except Exception:
        on_bytes(-received)
        raise
    return FileEntry(size=received, sha256=digest.hexdigest())
