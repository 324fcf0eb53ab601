"""Bare git repositories through libgit2: opening, revisions, and refs that change by compare-and-swap."""

from __future__ import annotations

import contextlib
import fcntl
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import pygit2
from pygit2.enums import ConfigLevel, RepositoryOpenFlag

from hfver.server.names import is_commit, is_ref
from hfver.server.problems import Problem, conflict, revision_not_found
from hfver.server.storage.folder import HubFolder, sync_folder

MAIN = "refs/heads/main"
_FAMILIES = ("refs/heads/", "refs/tags/", "refs/pr/", "refs/convert/")
_MAX_HANDLES = 64
_LOCK_SECONDS = 20.0
_CONFIG = {
    "core.fsync": "committed,reference",
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    "receive.fsckObjects": "true",
    "receive.denyDeleteCurrent": "refuse",
    "http.receivepack": "true",
    "gc.auto": "0",
}


class RefMovedError(Exception):
    """Somebody else changed the ref first."""


class Handles:
    """Open repositories, lent to one thread at a time: libgit2's handles are not thread-safe.

    Keyed by the row number, which is never used twice, so that a repo deleted and made again under
    the same name is never served from a handle of the old one.
    """

    def __init__(self, folder: HubFolder) -> None:
        self._folder = folder
        self._idle: OrderedDict[tuple[int, str], list[pygit2.Repository]] = OrderedDict()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def borrow(self, number: int, key: str) -> Iterator[pygit2.Repository]:
        """Lend a handle; a handle that met an error inside libgit2 is still good."""
        git = self._take(number, key) or open_repository(self._folder.repo(key), self._folder.settings)
        try:
            yield git
        finally:
            self._give(number, key, git)

    def _take(self, number: int, key: str) -> pygit2.Repository | None:
        with self._lock:
            shelf = self._idle.get((number, key))
            return shelf.pop() if shelf else None

    def _give(self, number: int, key: str, git: pygit2.Repository) -> None:
        with self._lock:
            self._idle.setdefault((number, key), []).append(git)
            self._idle.move_to_end((number, key))
            surplus = self._idle.popitem(last=False)[1] if len(self._idle) > _MAX_HANDLES else []
        for handle in surplus:
            handle.free()

    def close(self) -> None:
        """Free every idle handle."""
        with self._lock:
            shelves, self._idle = list(self._idle.values()), OrderedDict()
        for handle in (handle for shelf in shelves for handle in shelf):
            handle.free()


def open_repository(path: Path, settings: Path) -> pygit2.Repository:
    """Open a bare repository.

    Args:
        path: Its folder.
        settings: Configuration on top of its own, see `HubFolder.settings`.

    Raises:
        Problem: 404 when it is gone.
    """
    try:
        git = pygit2.Repository(str(path), RepositoryOpenFlag.BARE | RepositoryOpenFlag.NO_SEARCH)
        # The repository's own class closes `add_file`, as the file would not last; a handle's is all we want.
        pygit2.Config.add_file(git.config, str(settings), ConfigLevel.APP)
        return git
    except pygit2.GitError as error:
        if path.exists():
            raise
        # Deleted between the look into the database and this one.
        raise Problem(404, "Repository not found", "RepoNotFound") from error


def init_repository(path: Path, description: str) -> pygit2.Repository:
    """Make an empty bare repository that is safe to serve."""
    git = pygit2.init_repository(str(path), bare=True, initial_head="main")
    shutil.rmtree(path / "hooks", ignore_errors=True)
    (path / "description").write_text(description + "\n", encoding="utf-8")
    for name, value in _CONFIG.items():
        git.config[name] = value
    return git


def publish_repository(draft: Path, final: Path, trash: Path) -> None:
    """Move a finished repository into place; what a crash left there goes to the trash."""
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():
        final.rename(trash / secrets.token_hex(8))
    draft.rename(final)
    sync_folder(final.parent)
    sync_folder(final.parent.parent)


def full_name(revision: str, git: pygit2.Repository) -> str | None:
    """Find the full name of the ref that a revision means; None when it names no ref."""
    if revision == "HEAD":
        return MAIN
    if revision.startswith("refs/"):
        known = revision.startswith(_FAMILIES) and is_ref(revision.split("/", 2)[2])
        return revision if known and git.references.get(revision) is not None else None
    names = [family + revision for family in ("refs/heads/", "refs/tags/")] if is_ref(revision) else []
    return next((name for name in names if git.references.get(name) is not None), None)


def resolve(git: pygit2.Repository, revision: str) -> pygit2.Commit:
    """Find the commit of a branch, tag, pull request or full commit id.

    Raises:
        Problem: RevisionNotFound.
    """
    try:
        if is_commit(revision):
            return git[revision].peel(pygit2.Commit)
        name = full_name(revision, git)
        if name is not None:
            return git.references[name].peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError):
        pass
    raise revision_not_found(revision)


@contextlib.contextmanager
def writing(git: pygit2.Repository) -> Iterator[None]:
    """Take turns with every other writer of the API, in this process and in others.

    The kernel drops the lock when its holder dies. Pushes do not take it: they meet `swap`.
    """
    with (Path(git.path) / "api.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def swap(git: pygit2.Repository, name: str, old: pygit2.Oid | None, new: pygit2.Oid | None) -> None:
    """Change a ref from `old` to `new` (None: absent) under git's own lock, or not at all.

    Call it inside `writing`.

    Raises:
        RefMovedError: The ref is not at `old`.
    """
    deadline = time.monotonic() + _LOCK_SECONDS
    while not _try_swap(git, name, old, new):
        _break_stale_lock(Path(git.path), name)
        if time.monotonic() > deadline:
            raise Problem(503, f"{name} is locked by another process", headers={"Retry-After": "1"})
        time.sleep(0.005)


def _try_swap(git: pygit2.Repository, name: str, old: pygit2.Oid | None, new: pygit2.Oid | None) -> bool:
    """Swap; False when the ref's lock is taken."""
    with git.transaction() as change:
        try:
            change.lock_ref(name)
        except pygit2.GitError as error:
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
    """Tell whether a ref exists that cannot exist beside this one: ``a`` beside ``a/b``."""
    return any(other.startswith(f"{name}/") or name.startswith(f"{other}/") for other in git.references)


def _break_stale_lock(path: Path, name: str) -> None:
    """Remove the ref lock of a process that was killed.

    We hold api.lock, so no API writer owns it; and when no push is running either, nobody does.
    """
    with _no_push(path) as alone:
        if alone:
            (path / f"{name}.lock").unlink(missing_ok=True)


def break_stale_locks(path: Path) -> None:
    """Remove ref locks of processes that were killed, before a push meets them; git would give up."""
    with (path / "api.lock").open("wb") as file, contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with _no_push(path) as alone:
            for lock in (path / "refs").rglob("*.lock") if alone else ():
                lock.unlink(missing_ok=True)


@contextlib.contextmanager
def _no_push(path: Path) -> Iterator[bool]:
    """Keep pushes out, if none is running; tells whether that is so."""
    with (path / "push.lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
