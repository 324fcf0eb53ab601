"""The aliases of the nearest ``hfver.toml``: ``hfver.load("bot")`` is as pinned as what the alias stands for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hfver.core.policy import Alias

__all__ = ["Aliases"]


class Aliases:
    """The aliases of a code base; the settings of each folder are read once, and only if a name may be an alias."""

    def __init__(self) -> None:
        self._known: dict[Path, Mapping[str, Alias]] = {}

    def expand(self, folder: Path, reference: str) -> str:
        """Write a reference without an alias; one that has none stays as it is.

        Raises:
            BadConfig: The settings cannot be read.
        """
        name, separator, spec = reference.partition("@")
        if "/" in name or not name:
            return reference
        if folder not in self._known:
            from hfver.core.settings import resolve_policy

            self._known[folder] = resolve_policy(start=folder).aliases
        alias = self._known[folder].get(name)
        return f"{alias.repo}@{spec if separator else alias.spec}" if alias else reference
