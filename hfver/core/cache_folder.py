"""The folder of the user's own where hfver keeps what it remembers."""

from __future__ import annotations

import os
import stat
from functools import lru_cache
from pathlib import Path

from hfver.core.settings_files import read_settings_file, user_path

__all__ = ["default_folder", "is_private"]


def default_folder() -> Path:
    """Return ``$HFVER_CACHE``, else ``cache`` of the user's configuration, else ``hfver`` in the user's cache folder.

    That is ``$XDG_CACHE_HOME``, else ``~/.cache``.

    Raises:
        BadConfig: The user's configuration is broken.
    """
    if own := os.environ.get("HFVER_CACHE"):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    default = (Path(shared) if shared else Path(os.path.expanduser("~/.cache"))) / "hfver"  # noqa: PTH111
    return _chosen_by_user() or default


def _chosen_by_user() -> Path | None:
    path = user_path()
    try:
        found = path.stat()
    except OSError:
        return None
    return _cache_in(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=1)
def _cache_in(path: Path, changed_at: int, size: int) -> Path | None:  # noqa: ARG001 - a changed file is another key
    """Read the setting once: this is asked for every repo and every folder that is hashed."""
    from hfver.core.settings_model import validate_file

    return validate_file("user", read_settings_file(path)).cache


def is_private(folder: Path) -> bool:
    """Return whether nobody else can write to a folder."""
    # Whoever can write an entry decides what a file hashes to.
    result = folder.stat()
    return result.st_uid == os.geteuid() and not result.st_mode & stat.S_IWOTH
