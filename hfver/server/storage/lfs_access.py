"""Which LFS objects a repo holds, and may therefore point to.

The store is one for all repos, so a pointer alone would give its writer the content. A repo may point only to
what was proven for it: content that was uploaded to it (a marker in its folder), or a pointer in its own object
database. The latter counts because every way into that database (commit, push, first commit) is guarded by the
same rule. Whoever may read all of the store, or owns another repo that holds the object, links without sending
bytes. Downloads ask for the pointer, not for the marker: what was uploaded is private until it is committed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pygit2

from hfver.server.context import Hub
from hfver.server.http.requests import Visit
from hfver.server.problems import Problem, repo_not_found
from hfver.server.storage.folder import sync_folder
from hfver.server.storage.pointers import UPLOADED, Pointer


def refers_to(git: pygit2.Repository, pointer: Pointer) -> bool:
    """Ask git for the pointer itself: its blob id follows from oid and size."""
    return bool(git.odb.exists(pygit2.Oid(hex=pointer.blob_id())))


def holds(git: pygit2.Repository, pointer: Pointer) -> bool:
    """Tell whether the object was uploaded to the repo, or is named somewhere in its history."""
    return (Path(git.path) / UPLOADED / pointer.oid).exists() or refers_to(git, pointer)


def grant(git: pygit2.Repository, pointer: Pointer) -> None:
    """Record, durably, that the repo may point to an object."""
    marker = Path(git.path) / UPLOADED / pointer.oid
    if not marker.parent.exists():
        marker.parent.mkdir(exist_ok=True)
        sync_folder(marker.parent.parent)
    marker.touch()
    sync_folder(marker.parent)


def grant_upload(hub: Hub, number: int, pointer: Pointer) -> None:
    """Record an upload for the repo that its link was made for.

    Raises:
        Problem: 404 when the repo is gone by now.
    """
    with _numbered(hub, number) as git:
        grant(git, pointer)


def is_granted(hub: Hub, number: int, pointer: Pointer) -> bool:
    """Tell whether the object is stored, and held by the repo of that number."""
    with _numbered(hub, number) as git:
        return hub.objects.has(pointer) and holds(git, pointer)


@contextmanager
def _numbered(hub: Hub, number: int) -> Iterator[pygit2.Repository]:
    row = hub.database.repo_numbered(number)
    if row is None:
        raise repo_not_found(anonymous=False)
    with hub.handles.borrow(row.number, row.repo.key) as git:
        yield git


def claim(here: Visit, pointers: Collection[Pointer]) -> set[Pointer]:
    """Find those that are stored and that the repo may point to; what is linked on the way is recorded."""
    stored = {pointer for pointer in pointers if here.hub.objects.has(pointer)}
    own = {pointer for pointer in stored if holds(here.git, pointer)}
    linked = stored - own if here.caller.is_owner else _held_by_siblings(here, stored - own)
    for pointer in linked:
        grant(here.git, pointer)
    return own | linked


def _held_by_siblings(here: Visit, pointers: set[Pointer]) -> set[Pointer]:
    """Look for objects in the caller's other repos."""
    found: set[Pointer] = set()
    if not pointers or here.caller.name is None:
        return found
    for row in here.hub.database.repos_of(here.caller.name):
        # A repo that vanishes under our hands holds nothing.
        with suppress(Problem), here.hub.handles.borrow(row.number, row.repo.key) as git:
            found |= {pointer for pointer in pointers - found if holds(git, pointer)}
        if found == pointers:
            break
    return found
