"""The family of importers: each reads one kind of traces that a training run leaves."""

from __future__ import annotations

from functools import reduce
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, runtime_checkable

from hfver.errors import HfverError, PluginError
from hfver.model.lineage.record import Lineage

__all__ = ["GROUP", "Importer", "import_all", "importers"]

GROUP = "hfver.importers"
"""The entry point group; each entry names a class that needs no arguments."""


@runtime_checkable
class Importer(Protocol):
    """Reads what it can of a checkpoint's lineage.

    Attributes:
        strength: Who wins where two importers know the same thing: the higher. What the environment
            suggests is under 50, what a run recorded 50 to 99, what the author wrote 100.
    """

    strength: int

    def read(self, directory: Path) -> Lineage:
        """Read a checkpoint folder and what surrounds it; an empty record where there is nothing to read.

        Raises:
            BadConfig: A file that it reads is broken.
        """
        ...


def import_all(directory: Path) -> Lineage:
    """Merge the records of all installed importers.

    Raises:
        BadConfig: A file that one of them reads is broken.
        PluginError: One of them cannot be loaded, or fails in a way of its own.
    """
    return reduce(Lineage.merged, (_read(name, member, directory) for name, member in importers()), Lineage())


def importers() -> list[tuple[str, Importer]]:
    """List the installed importers with their names, the weakest first."""
    members = [(entry.name, _load(entry)) for entry in entry_points(group=GROUP)]
    return sorted(members, key=lambda member: (member[1].strength, member[0]))


def _load(entry: EntryPoint) -> Importer:
    try:
        member = entry.load()()
    except Exception as error:
        raise _broken(entry.name, f"cannot be loaded: {error}") from error
    if not isinstance(member, Importer):
        raise _broken(entry.name, "has no strength or no read(directory)")
    return member


def _read(name: str, member: Importer, directory: Path) -> Lineage:
    try:
        record = member.read(directory)
    except HfverError:
        raise
    except Exception as error:
        raise _broken(name, f"failed: {type(error).__name__}: {error}") from error
    if not isinstance(record, Lineage):
        raise _broken(name, "returned no Lineage")
    return record


def _broken(name: str, what: str) -> PluginError:
    return PluginError(f"The lineage importer {name!r} {what}.", "Update or uninstall the package that brings it.")
