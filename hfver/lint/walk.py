"""Which files of a code base are read, and as what."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from hfver.errors import UsageError

__all__ = ["FileKind", "kind_of", "list_files"]

FileKind = Literal["python", "notebook", "yaml", "docker", "shell"]

_KINDS: dict[str, FileKind] = {
    ".py": "python",
    ".ipynb": "notebook",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".sh": "shell",
    ".bash": "shell",
    ".dockerfile": "docker",
}

_SKIPPED = frozenset(
    [
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "venv",
        "node_modules",
        "__pycache__",
        "site-packages",
        ".tox",
        ".nox",
        ".eggs",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".ipynb_checkpoints",
    ]
)


def kind_of(path: Path) -> FileKind | None:
    """Return how a file is read, by its name; None if files of that name are not read."""
    if path.name.split(".")[0] in ("Dockerfile", "Containerfile"):
        return "docker"
    return _KINDS.get(path.suffix.lower())


def list_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files to read, each once, in the order of the paths and, within a folder, of their names.

    Folders with code of others are skipped (``.git``, virtual environments, ``node_modules``). Links within a folder
    are not followed, so that no loop is walked and nothing outside the folder is read or changed.

    Raises:
        UsageError: A path does not exist.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist.", "Pass files or folders that exist, for example: hfver pins .")
        for file in _walk(path) if path.is_dir() else [path]:
            found.setdefault(os.path.realpath(file), file)
    return list(found.values())


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        here = Path(root)
        # In place, because that is how os.walk is told which folders to enter.
        folders[:] = sorted(name for name in folders if not _is_skipped(here / name))
        for name in sorted(files):
            if kind_of(here / name) and not (here / name).is_symlink():
                yield here / name


def _is_skipped(folder: Path) -> bool:
    # Every virtual environment has a pyvenv.cfg, whatever its folder is called.
    return folder.name in _SKIPPED or (folder / "pyvenv.cfg").exists()
