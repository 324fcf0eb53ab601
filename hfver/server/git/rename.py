"""Moving a repo's folder so that a crash halfway is seen, and undone.

The folder moves before its row changes. Between the two it carries the row's number: whoever finds a folder where
no row says that one is, and in it the number of a row whose folder is missing, moves it back.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from hfver.server.git.repository import publish_repository
from hfver.server.storage.database import Database
from hfver.server.storage.folder import HubFolder, sync_folder

_MARKER = "moving"


def move_folder(folder: HubFolder, old: Path, new: Path, number: int) -> None:
    """Move a repository under its new name, marked until `unmark`."""
    with (old / _MARKER).open("w") as file:
        file.write(str(number))
        file.flush()
        os.fsync(file.fileno())
    sync_folder(old)
    publish_repository(old, new, folder.trash)
    sync_folder(old.parent)


def unmark(place: Path) -> None:
    """The row says the new name: the move is over."""
    with contextlib.suppress(FileNotFoundError):
        (place / _MARKER).unlink()


def put_back(folder: HubFolder, database: Database, place: Path) -> None:
    """Undo the move that a crash cut short, if one brought a folder here. The caller holds the write lock."""
    number = _marked(place)
    row = database.repo_numbered(number) if number is not None else None
    if row is None:
        return
    home = folder.repo(row.repo.key)
    if not home.exists():
        publish_repository(place, home, folder.trash)
        sync_folder(place.parent)
        unmark(home)


def put_all_back(folder: HubFolder, database: Database) -> None:
    """Undo what a crash cut short, when a Hub starts: looks around only if some repo has no folder."""
    with database.transaction():
        if all(folder.repo(key).exists() for key in database.repo_keys()):
            return
        for place in (folder.root / "repos").glob("*/*/*.git"):
            put_back(folder, database, place)


def _marked(place: Path) -> int | None:
    try:
        text = (place / _MARKER).read_text()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return int(text) if text.isascii() and text.isdecimal() else None
