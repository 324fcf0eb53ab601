"""LFS objects on the Hub: whether they are there, and whether they are what their name says. No byte is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from urllib.parse import quote

from hfver.errors import HubNotFound, HubUnreachable
from hfver.hub.answers import text, understood
from hfver.hub.client import Hub
from hfver.hub.uploading import LFS_JSON
from hfver.manifest import FileEntry

__all__ = ["hash_file", "lacking_objects"]

PER_REQUEST = 256
BLOCK = 1024 * 1024
ATTEMPTS = 3


def lacking_objects(hub: Hub, repo: str, entries: Iterable[FileEntry]) -> set[str]:
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
        response = hub.session.request("POST", path, f"{repo}: LFS objects", json=body, headers=headers)
        with understood(repo, hub.place):
            items = response.json()["objects"]
            there = {text(item["oid"]) for item in items if (item.get("actions") or {}).get("download")}
        lacking |= {str(one["oid"]) for one in objects[start : start + PER_REQUEST]} - there
    return lacking


def _once_each(entries: Iterable[FileEntry]) -> list[FileEntry]:
    """Drop what is named twice; an order that does not change makes requests that do not."""
    return sorted({(entry.sha256, entry.size): entry for entry in entries}.values(), key=lambda entry: entry.sha256)


def hash_file(hub: Hub, repo: str, commit: str, path: str, told: Callable[[int], None]) -> FileEntry | None:
    """Download a file at a commit and hash it on the way; None if the Hub lacks it.

    Args:
        hub: Where from.
        repo: The repo.
        commit: The commit.
        path: The file.
        told: Called with the number of bytes as they come.

    Raises:
        HubError: The download broke off again and again.
    """
    what = f"{repo}@{commit[:12]}: {path}"
    for left in reversed(range(ATTEMPTS)):
        try:
            with hub.session.translated(what):
                return _hash_once(hub, f"{hub.endpoint}/{repo}/resolve/{commit}/{quote(path)}", told)
        except HubNotFound:
            return None
        except HubUnreachable:
            if not left:
                raise
    return None


def _hash_once(hub: Hub, url: str, told: Callable[[int], None]) -> FileEntry:
    from huggingface_hub.utils import hf_raise_for_status, http_stream_backoff

    headers = {**hub.session.headers(), "accept-encoding": "identity"}
    size, digest = 0, hashlib.sha256()
    with http_stream_backoff("GET", url, headers=headers, base_wait_time=0.25) as response:
        hf_raise_for_status(response)
        for block in response.iter_bytes(BLOCK):
            digest.update(block)
            size += len(block)
            told(len(block))
    return FileEntry(size=size, sha256=digest.hexdigest())
