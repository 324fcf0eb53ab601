"""The Hub's folder: what lies where, and who may call a folder a Hub.

::

    hub.json                     marks the folder
    hub.db                       users, token hashes, visibility (SQLite, WAL)
    secret                       key of signed links and token hashes
    hooks/pre-receive            run by git on a push
    repos/models/ns/name.git     bare git repositories, in lower case
    repos/.libgit2               settings of our own handles of them
    lfs/objects/aa/bb/<sha256>   contents of large files
    lfs/incoming/                uploads under way
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from hfver.server.errors import NotAHubError

_MARKER = '{"hub": "hfver", "format": 1}\n'
_HOOK = '#!/bin/sh\nexec "$HFVER_PYTHON" -P -m hfver.server.git.pre_receive\n'
# Loose objects, packs and refs reach the disk before a request is answered, in flat memory. For libgit2 only: git
# has `core.fsync` in the repository's own configuration, and warns of the older name.
_SETTINGS = "[core]\n\tfsyncObjectFiles = true\n[pack]\n\twindowMemory = 32m\n\tdeltaCacheSize = 16m\n"
_LEFTOVER_SECONDS = 24 * 3600


@dataclass(frozen=True)
class HubFolder:
    """Paths inside one Hub's folder."""

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
        """The finished LFS objects."""
        return self.root / "lfs" / "objects"

    @property
    def incoming(self) -> Path:
        """LFS uploads under way; on the same file system as the objects, so that rename is atomic."""
        return self.root / "lfs" / "incoming"

    @property
    def drafts(self) -> Path:
        """Repositories being made; touched only by who holds the database's write lock."""
        return self.root / "repos" / ".drafts"

    @property
    def trash(self) -> Path:
        """Repositories that were removed; anybody may empty it."""
        return self.root / "repos" / ".trash"

    @property
    def settings(self) -> Path:
        """What libgit2 reads on top of a repository's configuration."""
        return self.root / "repos" / ".libgit2"

    def repo(self, key: str) -> Path:
        """The bare repository of a repo key (already checked and in lower case)."""
        return self.root / "repos" / f"{key}.git"

    def secret(self) -> bytes:
        """Read the Hub's key."""
        return (self.root / "secret").read_bytes()


def open_folder(path: str | os.PathLike[str]) -> HubFolder:
    """Open a Hub's folder, making it when it is missing or empty.

    Raises:
        NotAHubError: The path is a file, or a folder with something else in it.
    """
    root = Path(path).expanduser().absolute()
    if root.exists() and not root.is_dir():
        raise NotAHubError(f"{root} is a file, not a folder for a Hub")
    if not (root / "hub.json").is_file():
        _claim(root)
    folder = HubFolder(root)
    for part in (folder.objects, folder.incoming, folder.drafts, folder.trash, folder.hooks):
        part.mkdir(parents=True, exist_ok=True)
    _write_once(root / "secret", secrets.token_bytes(32), 0o600)
    _write_once(folder.hooks / "pre-receive", _HOOK.encode(), 0o755)
    _write_once(folder.settings, _SETTINGS.encode(), 0o644)
    _sweep(folder.incoming)
    return folder


def _claim(root: Path) -> None:
    """Mark an empty folder; the marker comes first, so that two starts at once both see a Hub."""
    root.mkdir(parents=True, exist_ok=True)
    strangers = [name for name in _names(root) if not name.startswith((".new-", "hub.json"))]
    if strangers and not (root / "hub.json").is_file():
        raise NotAHubError(f"{root} is not empty and not a Hub (it holds {sorted(strangers)[0]!r})")
    _write_once(root / "hub.json", _MARKER.encode(), 0o644)


def _names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def _write_once(path: Path, content: bytes, mode: int) -> None:
    """Write a file unless it exists; whoever comes second finds it whole."""
    if path.exists():
        return
    draft = path.parent / f".new-{secrets.token_hex(8)}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    sync_folder(path.parent)


def _sweep(incoming: Path) -> None:
    """Remove uploads that a crash left behind a day ago or earlier."""
    horizon = time.time() - _LEFTOVER_SECONDS
    for leftover in incoming.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if leftover.lstat().st_mtime < horizon:
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def sync_tree(top: Path) -> None:
    """Make everything below a folder durable, the folder included."""
    for folder, _, names in os.walk(top):
        for name in names:
            with (Path(folder) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(folder))


def sync_folder(folder: Path) -> None:
    """Make a rename or a new name in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
