"""The folder of the user's own where hfver keeps what it remembers."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["default_folder", "is_private"]


def default_folder() -> Path:
    """``$HFVER_CACHE``, else ``$XDG_CACHE_HOME/hfver``, else ``~/.cache/hfver``."""
    if own := os.environ.get("HFVER_CACHE"):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path(os.path.expanduser("~/.cache"))) / "hfver"  # noqa: PTH111


def is_private(folder: Path) -> bool:
    """Return whether nobody else can write to a folder."""
    # Whoever can write an entry decides what a file hashes to.
    result = folder.stat()
    return result.st_uid == os.geteuid() and not result.st_mode & stat.S_IWOTH
