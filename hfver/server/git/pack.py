"""Writing a commit's objects as one pack, and keeping the number of packs small.

A loose object costs two fsyncs. Therefore a commit's objects first go to a scratch folder, without fsync, and from
there into one pack that is on disk before the ref moves; a crash leaves only scratch files. Many small packs would slow
down every read, so git combines them now and then. Unreachable objects are kept: another request may be about to refer
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

_BEFORE_THE_REPOSITORY = 100  # libgit2 writes to the backend of highest priority; those of a repository have 1 and 2
_FASTEST = 1  # zlib level; at level 0, libgit2 writes loose objects that it cannot read
_MAX_PACKS = 16
_REPACK_SECONDS = 300


class StagedObjects:
    """A repository handle whose new objects go to a scratch folder until they are published."""

    def __init__(self, git: pygit2.Repository, scratch: Path) -> None:
        self.git, self._scratch = git, scratch
        self._published: set[str] = set()
        git.odb.add_backend(pygit2.OdbBackendLoose(str(scratch), _FASTEST, False), _BEFORE_THE_REPOSITORY)

    def publish(self) -> None:
        """Write the new objects to one pack of the repository, which is on disk when this returns."""
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
def stage_objects(folder: HubFolder, git: pygit2.Repository) -> Iterator[StagedObjects]:
    """Open a second handle of a repository for writing; what it does not publish is discarded at the end."""
    scratch = folder.incoming / secrets.token_hex(16)
    scratch.mkdir()
    handle = open_repository(Path(git.path), folder.settings)
    try:
        yield StagedObjects(handle, scratch)
    finally:
        handle.free()
        shutil.rmtree(scratch, ignore_errors=True)


def combine_packs(git: pygit2.Repository) -> None:
    """Combine small packs if there are many. At most one process does so, and correctness never depends on it."""
    if sum(1 for _ in _packs(git).glob("*.pack")) <= _MAX_PACKS:
        return
    with (Path(git.path) / "tidy.lock").open("wb") as file, contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _repack(git)


def _repack(git: pygit2.Repository) -> None:
    """Repack geometrically: old, large packs stay as they are, so every object is copied only a few times."""
    settings = ["-c", "safe.directory=*", "-c", "pack.threads=1", "-c", "pack.windowMemory=32m"]
    command = [GIT, *settings, "--git-dir", git.path, "repack", "--geometric=2", "-d", "-q"]
    quiet = subprocess.DEVNULL
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            command,
            env=git_environment(),
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            timeout=_REPACK_SECONDS,
            check=False,
        )


def _packs(git: pygit2.Repository) -> Path:
    return Path(git.path) / "objects" / "pack"
