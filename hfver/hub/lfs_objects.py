"""LFS objects on the Hub: whether they are there, and whether they are what their name says. No byte is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from urllib.parse import quote

from hfver.core.manifest import FileEntry
from hfver.errors import HubNotFound
from hfver.hub.client import Hub, HubRepo
from hfver.hub.responses import text, understood
from hfver.hub.retry import persist
from hfver.hub.upload import LFS_JSON

__all__ = ["hash_file", "lacking_objects"]

PER_REQUEST = 256
BLOCK = 1024 * 1024


def lacking_objects(repo: HubRepo, entries: Iterable[FileEntry]) -> set[str]:
    """Ask which objects cannot be downloaded, by SHA-256. No content is transferred."""
    objects = [{"oid": entry.sha256, "size": entry.size} for entry in _once_each(entries)]
    lacking: set[str] = set()
    for start in range(0, len(objects), PER_REQUEST):
        body = {
            "operation": "download",
            "transfers": ["basic"],
            "objects": objects[start : start + PER_REQUEST],
            "hash_algo": "sha256",
        }
        headers = {"accept": LFS_JSON, "content-type": LFS_JSON}
        path = f"/{repo}.git/info/lfs/objects/batch"
        response = repo.hub.session.request("POST", path, f"{repo}: LFS objects", json=body, headers=headers)
        with understood(repo.name, repo.hub.place):
            items = response.json()["objects"]
            there = {text(item["oid"]) for item in items if (item.get("actions") or {}).get("download")}
        lacking |= {str(one["oid"]) for one in objects[start : start + PER_REQUEST]} - there
    return lacking


def _once_each(entries: Iterable[FileEntry]) -> list[FileEntry]:
    """Drop what is named twice; an order that does not change makes requests that do not."""
    return sorted({(entry.sha256, entry.size): entry for entry in entries}.values(), key=lambda entry: entry.sha256)


def hash_file(repo: HubRepo, place: tuple[str, str], size: int, told: Callable[[int], None]) -> FileEntry | None:
    """Download a file and hash it on the way; None if the Hub lacks it.

    Args:
        repo: The repo.
        place: The commit, and the file's path in it.
        size: How many bytes it should have; one that has more is not read to its end.
        told: Called with the number of bytes as they come; a negative one when they must come again.

    Raises:
        HubError: The download broke off again and again.
    """
    commit, path = place
    try:
        with repo.hub.session.translated(f"{repo}@{commit[:12]}: {path}"):
            url = f"/{repo}/resolve/{commit}/{quote(path)}"
            return persist(lambda: _hash_once(repo.hub, url, size, told), repo.hub.session.retry_policy)
    except HubNotFound:
        return None


def _hash_once(hub: Hub, url: str, size: int, told: Callable[[int], None]) -> FileEntry:
    came, digest = 0, hashlib.sha256()
    try:
        with hub.session.stream(url, {"accept-encoding": "identity"}) as response:
            for block in response.iter_bytes(BLOCK):
                digest.update(block)
                came += len(block)
                told(len(block))
                if came > size:
                    break
    except Exception:
        told(-came)
        raise
    return FileEntry(size=came, sha256=digest.hexdigest())
