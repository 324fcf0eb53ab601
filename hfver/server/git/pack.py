"""Writing a commit's objects as one pack, and keeping packs few.

A loose object costs two fsyncs. So a commit's objects go to a scratch folder first, unsynced, and from there into
one pack that is durable before the ref moves; a crash leaves nothing but scratch. Many small packs would slow
every read, so now and then git rolls them up; unreachable objects are kept, as somebody may be about to refer
to them.
"""

from __future__ import annotations

import contextlib
import fcntl
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pygit2

from hfver.server.git.program import GIT, git_environment
from hfver.server.git.repository import open_repository
from hfver.server.storage.folder import HubFolder

_BEFORE_THE_REPOSITORY = 100  # libgit2 writes to the backend of highest priority; its own have 1 and 2
_FASTEST = 1  # zlib level; level 0 writes loose objects that libgit2 cannot read
_MANY_PACKS = 16
_TIDY_SECONDS = 300


class Draft:
    """A handle of a repository whose new objects go to a scratch folder until they are published."""

    def __init__(self, git: pygit2.Repository, scratch: Path) -> None:
        self.git, self._scratch = git, scratch
        self._published: set[str] = set()
        git.odb.add_backend(pygit2.OdbBackendLoose(str(scratch), _FASTEST, False), _BEFORE_THE_REPOSITORY)

    def publish(self) -> None:
        """Write what is new into one pack of the repository; on return it is durable."""
        names = {path.parent.name + path.name for path in self._scratch.glob("??/*")} - self._published
        if not names:
            return
        builder = pygit2.PackBuilder(self.git)
        builder.set_threads(1)
        for name in sorted(names):
            builder.add(pygit2.Oid(hex=name))
        builder.write(_packs(self.git))
        self._published |= names


@contextlib.contextmanager
def drafting(folder: HubFolder, git: pygit2.Repository) -> Iterator[Draft]:
    """Open a draft beside a handle of the same repository; the scratch folder goes at the end."""
    scratch = folder.incoming / secrets.token_hex(16)
    scratch.mkdir()
    handle = open_repository(Path(git.path), folder.settings)
    try:
        yield Draft(handle, scratch)
    finally:
        handle.free()
        shutil.rmtree(scratch, ignore_errors=True)


def tidy(git: pygit2.Repository) -> None:
    """Roll small packs up when there are many; one process at a time, and never needed for correctness."""
    if sum(1 for _ in _packs(git).glob("*.pack")) <= _MANY_PACKS:
        return
    with (Path(git.path) / "tidy.lock").open("wb") as file, contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _repack(git)


def _repack(git: pygit2.Repository) -> None:
    """Geometric: old, large packs are left alone, so every object is copied a few times at most."""
    settings = ["-c", "safe.directory=*", "-c", "pack.threads=1", "-c", "pack.windowMemory=32m"]
    command = [GIT, *settings, "--git-dir", git.path, "repack", "--geometric=2", "-d", "-q"]
    quiet = subprocess.DEVNULL
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            command, env=git_environment(), stdin=quiet, stdout=quiet, stderr=quiet, timeout=_TIDY_SECONDS, check=False
        )


def _packs(git: pygit2.Repository) -> Path:
    return Path(git.path) / "objects" / "pack"
