"""The Hub's folder: what is stored where, and how a folder becomes a Hub.

::

    hub.json                     marks the folder as a Hub
    hub.db                       users, token hashes, visibility, discussions (SQLite, WAL)
    secret                       key of signed links and token hashes
    hooks/pre-receive            run by git on a push
    repos/models/ns/name.git     bare git repositories, in lower case
    repos/.libgit2               settings for libgit2 on top of each repository's own
    lfs/objects/aa/bb/<sha256>   contents of large files
    lfs/incoming/                uploads in progress
    lfs/verified/aa/<sha256>     what the file of an object looked like when it was hashed; may be deleted
    lfs/damaged/                 files that do not hold what their names said, for the operator to look at
    lfs/store.lock               held while a file is renamed into or out of the store
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hfver.server.errors import NotAHubError
from hfver.server.storage.verified import VERIFIED

_MARKER = '{"hub": "hfver", "format": 1}\n'
# The server passes the module's name, because modules move between versions. 0.1 passes none and has it at this path.
_HOOK = '#!/bin/sh\nexec "$HFVER_PYTHON" -P -m "${HFVER_HOOK_MODULE:-hfver.server.prereceive}"\n'
# Loose objects, packs and refs are on disk before a request is answered, and memory stays bounded. These are settings
# for libgit2 alone: git reads `core.fsync` in each repository's own configuration, and warns of the older name.
_SETTINGS = "[core]\n\tfsyncObjectFiles = true\n[pack]\n\twindowMemory = 32m\n\tdeltaCacheSize = 16m\n"
_LEFTOVER_SECONDS = 24 * 3600


@dataclass(frozen=True)
class HubFolder:
    """Paths in a Hub's folder."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "hub.db"

    @property
    def hooks(self) -> Path:
        """The folder of hooks that git runs for every repo."""
        return self.root / "hooks"

    @property
    def objects(self) -> Path:
        """Complete LFS objects."""
        return self.root / "lfs" / "objects"

    @property
    def incoming(self) -> Path:
        """Uploads in progress. On the same file system as the objects, so that a rename is atomic."""
        return self.root / "lfs" / "incoming"

    @property
    def verified(self) -> Path:
        """What is remembered of objects that were hashed."""
        return self.root / "lfs" / VERIFIED

    @property
    def damaged(self) -> Path:
        """Files that were taken out of the store, because they do not hold what their names said."""
        return self.root / "lfs" / "damaged"

    @property
    def store_lock(self) -> Path:
        """The lock of renames into and out of the store."""
        return self.root / "lfs" / "store.lock"

    @property
    def unfinished(self) -> Path:
        """Repositories that are being created; only the holder of the database's write lock may touch them."""
        return self.root / "repos" / ".drafts"

    @property
    def trash(self) -> Path:
        """Deleted repositories; any process may empty it."""
        return self.root / "repos" / ".trash"

    @property
    def settings(self) -> Path:
        """What libgit2 reads on top of a repository's own configuration."""
        return self.root / "repos" / ".libgit2"

    def repo(self, key: str) -> Path:
        """Return the path of a bare repository, by the repo's key (validated, in lower case)."""
        return self.root / "repos" / f"{key}.git"

    def all_repos(self) -> Iterator[Path]:
        """List the bare repositories that are in place."""
        return (self.root / "repos").glob("[!.]*/*/*.git")

    def secret(self) -> bytes:
        """Read the Hub's key."""
        return (self.root / "secret").read_bytes()


def open_folder(path: str | os.PathLike[str]) -> HubFolder:
    """Open a Hub's folder. A folder that is missing or empty becomes a new Hub.

    Raises:
        NotAHubError: The path is a file, or a folder with something else in it.
    """
    root = Path(path).expanduser().absolute()
    if root.exists() and not root.is_dir():
        raise NotAHubError(f"{root} is a file, not the folder of a Hub")
    if not (root / "hub.json").is_file():
        _mark_as_hub(root)
    folder = HubFolder(root)
    # A folder that was copied without its empty folders, or made by an older version, is completed.
    parts = (folder.objects, folder.incoming, folder.verified, folder.damaged, folder.unfinished, folder.trash)
    for part in (*parts, folder.hooks):
        part.mkdir(parents=True, exist_ok=True)
    _write_once(root / "secret", secrets.token_bytes(32), 0o600)  # whoever reads it can sign links
    _write_once(folder.settings, _SETTINGS.encode(), 0o644)
    _install_hook(folder.hooks / "pre-receive")
    _remove_leftovers(folder.incoming)
    return folder


def _mark_as_hub(root: Path) -> None:
    """Mark an empty folder. The marker is the first file, so that two processes may start on the folder at once."""
    root.mkdir(parents=True, exist_ok=True)
    others = [entry.name for entry in root.iterdir() if not entry.name.startswith((".new-", "hub.json"))]
    if others and not (root / "hub.json").is_file():
        raise NotAHubError(f"{root} is neither empty nor a Hub (it contains {sorted(others)[0]!r})")
    _write_once(root / "hub.json", _MARKER.encode(), 0o644)


def _install_hook(path: Path) -> None:
    """Write the hook, and replace one that another version of hfver wrote: it names a module that may have moved."""
    if not path.exists() or path.read_bytes() != _HOOK.encode():
        _write_new(path.parent, _HOOK.encode(), 0o755).replace(path)
        sync_folder(path.parent)


def _write_once(path: Path, content: bytes, mode: int) -> None:
    """Write a file unless it exists. Of several processes one succeeds, and the others find the file complete."""
    if path.exists():
        return
    new = _write_new(path.parent, content, mode)
    with contextlib.suppress(FileExistsError):
        os.link(new, path)  # fails if the file exists, which a rename would not
    new.unlink()
    sync_folder(path.parent)


def _write_new(folder: Path, content: bytes, mode: int) -> Path:
    """Write a file under a temporary name, and sync it to disk."""
    path = folder / f".new-{secrets.token_hex(8)}"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return path


def _remove_leftovers(incoming: Path) -> None:
    """Remove uploads that a crash left behind more than a day ago."""
    oldest = time.time() - _LEFTOVER_SECONDS
    for leftover in incoming.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if leftover.lstat().st_mtime < oldest:
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def sync_tree(top: Path) -> None:
    """Sync a folder and everything below it to disk."""
    for folder, _, names in os.walk(top):
        for name in names:
            with (Path(folder) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(folder))


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to disk, so that a rename or a new file in it survives a power failure."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_loose_object(repository: Path, oid: str) -> None:
    """Sync the name of a loose object to disk, and that of the folder it is in, which may be new."""
    sync_folder(repository / "objects" / oid[:2])
    sync_folder(repository / "objects")


def sync_changed_folders(repository: Path, since: float) -> None:
    """Sync the names that were added to a bare repository's objects and refs since a time.

    git syncs the files that it writes, and not the folders that get their names.
    """
    changed = [repository]
    for top in (repository / "objects", repository / "refs"):
        for folder, _, _ in os.walk(top):
            with contextlib.suppress(FileNotFoundError):  # another push may have removed an empty folder of refs
                if Path(folder).stat().st_mtime >= since:
                    changed.append(Path(folder))
    for path in reversed(changed):  # a folder before the one that has its name
        with contextlib.suppress(FileNotFoundError):
            sync_folder(path)
