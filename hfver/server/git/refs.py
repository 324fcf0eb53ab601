"""Refs and revisions of a bare repository. Refs change only by compare-and-swap."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

import pygit2
from pygit2.enums import ObjectType

from hfver.server.names import is_commit, is_ref
from hfver.server.problems import Problem, conflict, revision_not_found

MAIN = "refs/heads/main"
_FAMILIES = ("refs/heads/", "refs/tags/", "refs/pr/", "refs/convert/")
_LOCK_SECONDS = 20.0


class RefMovedError(Exception):
    """The ref is not where the caller expected it to be."""


def full_ref_name(git: pygit2.Repository, revision: str, *, to_write: bool = False) -> str | None:
    """Find the full name of the ref that a revision stands for; None if there is no such ref.

    Args:
        git: The repository.
        revision: The full name of a ref, or the name of a tag or branch.
        to_write: Whether to commit there: that goes to branches, so a tag of the same name does not count.
    """
    # A tag of this name must not hide the branch: clients ask for `main` where people name no revision at all.
    if revision in ("HEAD", "main"):
        return MAIN
    if revision.startswith("refs/"):
        known = revision.startswith(_FAMILIES) and is_ref(revision.split("/", 2)[2])
        return revision if known and git.references.get(revision) is not None else None
    # As for `git rev-parse`, a tag comes before a branch: what was tagged stays under its name.
    families = ("refs/heads/", "refs/tags/") if to_write else ("refs/tags/", "refs/heads/")
    names = [family + revision for family in families] if is_ref(revision) else []
    return next((name for name in names if git.references.get(name) is not None), None)


def resolve_revision(git: pygit2.Repository, revision: str) -> pygit2.Commit:
    """Find the commit of a branch, tag, pull request ref or full commit id.

    Raises:
        Problem: RevisionNotFound, also for a commit that is damaged.
    """
    try:
        if is_commit(revision):
            return git[revision].peel(pygit2.Commit)
        name = full_ref_name(git, revision)
        if name is not None:
            return git.references[name].peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError):
        pass
    raise revision_not_found(revision)


def target_id(git: pygit2.Repository, ref: pygit2.Reference) -> pygit2.Oid:
    """Return the id of the object that a ref points to, through annotated tags.

    An object that is damaged has an id as well: one such commit must not keep all other refs from being listed.
    """
    with contextlib.suppress(KeyError, ValueError, pygit2.GitError):
        return ref.peel().id
    target = ref.resolve().target
    assert isinstance(target, pygit2.Oid)  # noqa: S101
    with contextlib.suppress(KeyError, ValueError, pygit2.GitError):
        while git.odb.read_header(target)[0] == ObjectType.TAG:
            tag = git[target]
            assert isinstance(tag, pygit2.Tag)  # noqa: S101
            target = tag.target
    return target


@contextlib.contextmanager
def write_lock(git: pygit2.Repository) -> Iterator[None]:
    """Exclude all other API requests that write to the repository, in this process and in others.

    The kernel releases the lock when its holder dies. Pushes do not take it; `update_ref` notices what they did.
    """
    with (Path(git.path) / "api.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def update_ref(git: pygit2.Repository, name: str, old: pygit2.Oid | None, new: pygit2.Oid | None) -> None:
    """Change a ref from `old` to `new` (None: absent) under git's own lock, or not at all.

    Call it under `write_lock`.

    Raises:
        RefMovedError: The ref is not at `old`.
        Problem: 409 if another ref is in the way; 503 if another process holds the lock of the ref for too long.
    """
    deadline = time.monotonic() + _LOCK_SECONDS
    while not _try_update(git, name, old, new):
        _break_stale_lock(Path(git.path), name)
        if time.monotonic() > deadline:
            raise Problem(503, f"{name} is locked by another process", headers={"Retry-After": "1"})
        time.sleep(0.005)


def _try_update(git: pygit2.Repository, name: str, old: pygit2.Oid | None, new: pygit2.Oid | None) -> bool:
    """Change a ref; False if its lock is taken."""
    with git.transaction() as change:
        try:
            change.lock_ref(name)
        except pygit2.GitError as error:  # taken, or another ref is in the way; libgit2 does not say which
            if _is_in_the_way(git, name):
                raise conflict(f"Reference {name} conflicts with another reference") from error
            return False
        current = git.references.get(name)
        if (current.target if current else None) != old:
            raise RefMovedError(name)
        if new is None:
            change.remove(name)
        else:
            change.set_target(name, new)
    return True


def _is_in_the_way(git: pygit2.Repository, name: str) -> bool:
    """Return whether a ref exists that cannot exist beside this one, as ``a`` beside ``a/b``."""
    return any(other.startswith(f"{name}/") or name.startswith(f"{other}/") for other in git.references)


def _break_stale_lock(path: Path, name: str) -> None:
    """Remove the lock that a killed process left on a ref.

    The caller holds api.lock, so the lock belongs to no API request; and if no push is running either, to nobody.
    """
    with _exclude_pushes(path) as excluded:
        if excluded:
            (path / f"{name}.lock").unlink(missing_ok=True)


def break_stale_locks(path: Path) -> None:
    """Remove the locks that killed processes left on refs: at the start, and before a push, as git gives up at once."""
    with (path / "api.lock").open("wb") as file, contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with _exclude_pushes(path) as excluded:
            for lock in (path / "refs").rglob("*.lock") if excluded else ():
                lock.unlink(missing_ok=True)


@contextlib.contextmanager
def _exclude_pushes(path: Path) -> Iterator[bool]:
    """Keep pushes from starting, unless one is running already; yields whether they are excluded."""
    with (path / "push.lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
