"""The places of settings: a project's file, the user's file, and the environment.

This module reads files without knowing what they may contain, so that a command that finds none loads no model.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hfver.core.about import __version__
from hfver.core.nearest import is_release, nearest
from hfver.errors import BadConfig, BadVersion

if TYPE_CHECKING:
    from hfver.core.version import Version

__all__ = [
    "PROJECT_FILE",
    "VARIABLES",
    "SettingsFile",
    "around_releases",
    "by_variables",
    "nearest_file",
    "project_file",
    "read_settings_file",
    "user_file",
    "user_path",
]

PROJECT_FILE = "hfver.toml"
PYPROJECT = "pyproject.toml"

VARIABLES: Mapping[str, str] = {
    "http.retries": "HFVER_HTTP_RETRIES",
    "http.pause": "HFVER_HTTP_PAUSE",
    "http.timeout": "HFVER_HTTP_TIMEOUT",
    "http.floor": "HFVER_HTTP_FLOOR",
    "hub.url": "HF_ENDPOINT",
    "cache": "HFVER_CACHE",
}
"""Which environment variable decides which setting."""


@dataclass(frozen=True)
class SettingsFile:
    """A file with settings, read and not yet validated."""

    path: Path
    table: Mapping[str, Any] = field(repr=False)
    """What it holds; of a ``pyproject.toml``, the table ``[tool.hfver]``."""


def nearest_file(start: Path) -> SettingsFile | None:
    """Read the nearest ``hfver.toml``, or ``pyproject.toml`` with a ``[tool.hfver]``, whatever it belongs to.

    Only demands may be taken from it, since it may be part of a pulled release. :func:`project_file` finds the file
    that belongs to the project.

    Raises:
        BadConfig: A file on the way is not TOML, or needs another hfver.
    """
    start = start.absolute()
    return next(filter(None, map(_file_in, (start, *start.parents))), None)


def project_file(start: Path) -> SettingsFile | None:
    """Read the nearest settings file that belongs to the project: see :func:`hfver.core.nearest.nearest`.

    Raises:
        BadConfig: A file on the way is not TOML, or needs another hfver.
    """
    return nearest(start, _file_in)


def around_releases(start: Path) -> Iterator[SettingsFile]:
    """Read the settings files that are nearest to the pulled releases around a folder, the outermost first."""
    start = start.absolute()
    for folder in (*reversed(start.parents), start):
        if is_release(folder) and (found := nearest_file(folder.parent)):
            yield found


def user_path() -> Path:
    """Name the user's configuration file: ``$XDG_CONFIG_HOME/hfver/config.toml``, else below ``~/.config``."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path(os.path.expanduser("~/.config"))) / "hfver" / "config.toml"  # noqa: PTH111


def user_file() -> SettingsFile | None:
    """Read the user's configuration file; None if there is none.

    Raises:
        BadConfig: It is not TOML, or needs another hfver.
    """
    path = user_path()
    return read_settings_file(path) if path.is_file() else None


def read_settings_file(path: Path) -> SettingsFile:
    """Read a settings file: ``hfver.toml`` under any name, or the ``[tool.hfver]`` of a ``pyproject.toml``.

    Raises:
        BadConfig: It cannot be read, is not TOML, has no ``[tool.hfver]``, or needs another hfver.
    """
    found = _in_pyproject(path) if path.name == PYPROJECT else _checked(path, _read(path))
    if found is None:
        raise BadConfig(f"{path} has no [tool.hfver].", "Name a file that has one, or an hfver.toml.")
    return found


def by_variables() -> dict[str, str]:
    """Return the settings that environment variables decide, by their dotted name, as text; empty ones do not count."""
    return {name: os.environ[variable] for name, variable in VARIABLES.items() if os.environ.get(variable)}


def _file_in(folder: Path) -> SettingsFile | None:
    own, project = folder / PROJECT_FILE, folder / PYPROJECT
    if own.is_file():
        return _checked(own, _read(own))
    return _in_pyproject(project) if project.is_file() else None


def _in_pyproject(path: Path) -> SettingsFile | None:
    tool = _read(path).get("tool")
    table = tool.get("hfver") if isinstance(tool, dict) else None
    return None if table is None else _checked(path, table)


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadConfig(f"{path} cannot be read: {error}.", "It must be TOML.") from None


def _checked(path: Path, table: Any) -> SettingsFile:
    """Refuse a file that was written for another version of hfver, before anything else in it is read.

    A newer one may know keys that this one does not, and "no such setting" would be the wrong advice then.
    """
    if not isinstance(table, dict):
        raise BadConfig(f"{path}: tool.hfver is not a table.", "See docs/settings.md for what it may hold.")
    spec = table.get("requires-hfver")
    if isinstance(spec, str):
        _check_version(path, spec)
    return SettingsFile(path, table)


def _check_version(path: Path, spec: str) -> None:
    from hfver.core.version import parse_range

    try:
        wanted = parse_range(spec)
    except BadVersion as error:
        raise BadConfig(f"{path}: requires-hfver: {error.message}", 'Write a range: requires-hfver = ">=0.2"') from None
    ours = _own_version()
    failed = [bound for bound in wanted.comparators if not bound.allows(ours)]
    if failed:
        too_old = any(bound.version > ours for bound in failed)
        pinned = ",".join(f"{bound.op}{bound.version.finalize_version()}" for bound in wanted.comparators)
        raise BadConfig(
            f"{path} requires hfver {spec}, and this is {__version__}.",
            f"{'Upgrade hfver' if too_old else 'Install the version that it asks for'}: "
            f"pip install --upgrade 'hfver{pinned}'",
        )


def _own_version() -> Version:
    """Return hfver's own version; a development version counts as the version that it leads to."""
    from hfver.core.version import parse_version

    numbers = (re.match(r"\d+(?:\.\d+)*", __version__) or ["0"])[0].split(".")
    return parse_version(".".join([*numbers, "0", "0"][:3]))
