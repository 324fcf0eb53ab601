"""Which LFS objects a repo may refer to.

All repos share one store, so a pointer alone would give the content to anybody who knows its hash. Therefore a repo may
refer only to an object that was uploaded to it (recorded by a marker file in its folder), or whose pointer its object
database already contains. The latter is proof enough because every way to write pointers into that database (API
commit, push, first commit) applies the same rule. Callers with access to all objects, or to another repo that has the
object, link it without sending the bytes again.

A download requires the pointer, not the marker: an uploaded object stays unreadable until it is committed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import pygit2

from hfver.server.storage.folder import sync_folder
from hfver.server.storage.lfs_store import LfsStore
from hfver.server.storage.pointers import UPLOADED, Pointer


def is_referenced(git: pygit2.Repository, pointer: Pointer) -> bool:
    """Return whether the repo contains, or once contained, a pointer to the object."""
    return bool(git.odb.exists(pygit2.Oid(hex=pointer.blob_id())))


def may_refer(git: pygit2.Repository, pointer: Pointer) -> bool:
    """Return whether the object was uploaded to the repo, or is named somewhere in its history."""
    return (Path(git.path) / UPLOADED / pointer.oid).exists() or is_referenced(git, pointer)


def record_upload(git: pygit2.Repository, pointer: Pointer) -> None:
    """Record durably that the repo may refer to an object."""
    marker = Path(git.path) / UPLOADED / pointer.oid
    if not marker.parent.exists():
        marker.parent.mkdir(exist_ok=True)
        sync_folder(marker.parent.parent)
    marker.touch()
    # Synced, because the client is told that the upload is complete and will not send the object again.
    sync_folder(marker.parent)


def link_objects(
    git: pygit2.Repository,
    store: LfsStore,
    pointers: Collection[Pointer],
    *,
    reads_all: bool = False,
    others: Iterable[pygit2.Repository] = (),
) -> set[Pointer]:
    """Find the objects that need no upload, and record the ones that are linked from elsewhere.

    Args:
        git: The repo that is to refer to the objects.
        store: The store.
        pointers: The objects.
        reads_all: Whether the caller may read the whole store.
        others: Other repos of the caller, opened one after the other and only as far as needed.

    Returns:
        The objects that are stored, match their names, and that the repo may refer to.
    """
    stored = {pointer for pointer in pointers if store.has(pointer)}
    own = {pointer for pointer in stored if may_refer(git, pointer)}
    linked = stored - own if reads_all else _found_in(others, stored - own)
    # Only now, because nobody may make the Hub read the objects of others, or learn from the time it takes.
    intact = store.intact(own | linked)
    for pointer in linked & intact:
        record_upload(git, pointer)
    return intact


def _found_in(others: Iterable[pygit2.Repository], pointers: set[Pointer]) -> set[Pointer]:
    found: set[Pointer] = set()
    if not pointers:
        return found
    for git in others:
        found |= {pointer for pointer in pointers - found if may_refer(git, pointer)}
        if found == pointers:
            break
    return found
