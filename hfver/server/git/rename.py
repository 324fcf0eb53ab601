"""Moving a repo's folder in such a way that an interrupted move is noticed and undone.

The folder moves before its row in the database changes. In between, the folder contains the number of its row. A folder
that no row names, with the number of a row whose own folder is missing, was moved by a process that then crashed; it is
moved back.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from hfver.server.git.repository import install_repository
from hfver.server.storage.database import Database
from hfver.server.storage.folder import HubFolder, sync_folder

_MARKER = "moving"


def start_move(folder: HubFolder, old: Path, new: Path, number: int) -> None:
    """Move a repository to its new path, marked until `finish_move`."""
    with (old / _MARKER).open("w") as file:
        file.write(str(number))
        file.flush()
        os.fsync(file.fileno())  # the marker must be on disk before the folder moves
    sync_folder(old)
    install_repository(old, new, folder.trash)
    sync_folder(old.parent)


def finish_move(path: Path) -> None:
    """Remove the marker, once the row names the new path."""
    with contextlib.suppress(FileNotFoundError):
        (path / _MARKER).unlink()


def undo_move(folder: HubFolder, database: Database, path: Path) -> None:
    """Undo the interrupted move that brought a repository to `path`, if one did. The caller holds the write lock."""
    number = _marked(path)
    row = database.repo_by_number(number) if number is not None else None
    if row is None:
        return
    home = folder.repo(row.repo.key)
    if not home.exists():
        install_repository(path, home, folder.trash)
        sync_folder(path.parent)
        finish_move(home)


def undo_interrupted_moves(folder: HubFolder, database: Database) -> None:
    """Undo all interrupted moves when a Hub starts; searches only if a repo's folder is missing."""
    with database.transaction():
        if all(folder.repo(key).exists() for key in database.repo_keys()):
            return
        for path in (folder.root / "repos").glob("*/*/*.git"):
            undo_move(folder, database, path)


def _marked(path: Path) -> int | None:
    try:
        text = (path / _MARKER).read_text()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return int(text) if text.isascii() and text.isdecimal() else None
