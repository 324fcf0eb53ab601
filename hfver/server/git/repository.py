"""Bare git repositories on disk: creating them, moving them into place, and handles for libgit2."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import pygit2
from pygit2.enums import ConfigLevel, RepositoryOpenFlag

from hfver.server.problems import Problem
from hfver.server.storage.folder import HubFolder, sync_folder

_MAX_IDLE_REPOS = 64  # each handle keeps packs and their indexes open
_CONFIG = {
    "core.fsync": "committed,reference",  # a push is on disk when it is acknowledged
    "uploadpack.allowFilter": "true",  # partial clones
    "uploadpack.allowAnySHA1InWant": "true",  # they fetch single blobs later
    "receive.fsckObjects": "true",  # malformed objects are refused before the hook sees them
    "receive.denyDeleteCurrent": "refuse",  # clients expect every repo to have main
    "http.receivepack": "true",  # rights are checked before http-backend runs
    "gc.auto": "0",  # gc removes unreachable objects, to which a request may be about to refer
}


class RepositoryPool:
    """Open repositories, lent to one thread at a time: libgit2's handles are not thread-safe.

    The key includes the row number, which is never used twice. So a repo that is deleted and created again under the
    same name is never served from a handle of the old one.
    """

    def __init__(self, folder: HubFolder) -> None:
        self._folder = folder
        self._idle: OrderedDict[tuple[int, str], list[pygit2.Repository]] = OrderedDict()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def borrow(self, number: int, key: str) -> Iterator[pygit2.Repository]:
        """Lend a handle. It can be reused even after an error in libgit2.

        Raises:
            Problem: 404 if the repository is gone.
        """
        git = self._take(number, key) or open_repository(self._folder.repo(key), self._folder.settings)
        try:
            yield git
        finally:
            self._give_back(number, key, git)

    def _take(self, number: int, key: str) -> pygit2.Repository | None:
        with self._lock:
            handles = self._idle.get((number, key))
            return handles.pop() if handles else None

    def _give_back(self, number: int, key: str, git: pygit2.Repository) -> None:
        with self._lock:
            self._idle.setdefault((number, key), []).append(git)
            self._idle.move_to_end((number, key))
            surplus = self._idle.popitem(last=False)[1] if len(self._idle) > _MAX_IDLE_REPOS else []
        for handle in surplus:
            handle.free()

    def close(self) -> None:
        """Free every idle handle."""
        with self._lock:
            idle, self._idle = list(self._idle.values()), OrderedDict()
        for handle in (handle for handles in idle for handle in handles):
            handle.free()


def open_repository(path: Path, settings: Path) -> pygit2.Repository:
    """Open a bare repository.

    Args:
        path: Its folder.
        settings: Configuration on top of its own, see `HubFolder.settings`.

    Raises:
        Problem: 404 if it is gone.
    """
    try:
        git = pygit2.Repository(str(path), RepositoryOpenFlag.BARE | RepositoryOpenFlag.NO_SEARCH)
        # Called on the base class: the configuration of a repository refuses it, because the file would not be
        # remembered. Here it is only meant for this handle.
        pygit2.Config.add_file(git.config, str(settings), ConfigLevel.APP)
        return git
    except pygit2.GitError as error:
        if path.exists():
            raise
        # The repo was deleted between the look-up in the database and this call.
        raise Problem(404, "Repository not found", "RepoNotFound") from error


def init_repository(path: Path, description: str) -> pygit2.Repository:
    """Create an empty bare repository that is safe to serve."""
    git = pygit2.init_repository(str(path), bare=True, initial_head="main")
    shutil.rmtree(path / "hooks", ignore_errors=True)  # samples; the Hub's own hooks are in its folder
    (path / "description").write_text(description + "\n", encoding="utf-8")
    for name, value in _CONFIG.items():
        git.config[name] = value
    return git


def install_repository(source: Path, final: Path, trash: Path) -> None:
    """Move a complete repository into place. What a crash left there goes to the trash."""
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():
        final.rename(trash / secrets.token_hex(8))
    source.rename(final)
    sync_folder(final.parent)
    sync_folder(final.parent.parent)
