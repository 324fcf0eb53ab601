"""The family of importers: each reads one kind of trace that a training run leaves."""

from __future__ import annotations

from functools import reduce
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, runtime_checkable

from hfver.core.deprecation import warn_deprecated
from hfver.core.plugins import check_protocol
from hfver.errors import HfverError, PluginError
from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.record import Lineage

__all__ = ["GROUP", "PROTOCOL_VERSION", "DirectoryImporter", "Importer", "import_all", "importers"]

GROUP = "hfver.importers"
"""The entry point group; each entry names a class that needs no arguments."""

PROTOCOL_VERSION = 2
"""The version of ``Importer``. A class may declare the one that it was written for, as ``PROTOCOL_VERSION = 2``.

Version 1 is ``DirectoryImporter``. A class that declares no version is recognized by its method."""


@runtime_checkable
class Importer(Protocol):
    """Reads what it can of a checkpoint's lineage.

    Attributes:
        strength: Which importer wins if two know the same thing: the higher one. What the environment suggests is
            below 50, what a run recorded 50 to 99, what the author wrote 100.
    """

    strength: int

    def read_checkpoint(self, checkpoint: Checkpoint) -> Lineage:
        """Read a checkpoint and what surrounds its folder.

        Args:
            checkpoint: The folder, read once. Take small files from ``checkpoint.content`` instead of opening them.

        Returns:
            What is known; an empty record if there is nothing to read.

        Raises:
            BadConfig: A file that it reads is broken.
        """
        ...


@runtime_checkable
class DirectoryImporter(Protocol):
    """Version 1 of the Protocol, of hfver 0.1: an importer that reads the folder by itself. Deprecated.

    Attributes:
        strength: As for ``Importer``.
    """

    strength: int

    def read(self, directory: Path) -> Lineage:
        """Read a checkpoint folder and what surrounds it; an empty record if there is nothing to read.

        Raises:
            BadConfig: A file that it reads is broken.
        """
        ...


def import_all(checkpoint: Checkpoint) -> Lineage:
    """Merge the records of all installed importers.

    Raises:
        BadConfig: A file that one of them reads is broken.
        PluginError: One of them cannot be loaded, or fails with an error that is not hfver's.
    """
    return reduce(Lineage.merged, (_read(name, member, checkpoint) for name, member in importers()), Lineage())


def importers() -> list[tuple[str, Importer | DirectoryImporter]]:
    """List the installed importers with their names, the weakest first."""
    members = [(entry.name, _load(entry)) for entry in entry_points(group=GROUP)]
    # The name decides between equals, so that the result does not depend on the order of installation.
    return sorted(members, key=lambda member: (member[1].strength, member[0]))


def _load(entry: EntryPoint) -> Importer | DirectoryImporter:
    try:
        member = entry.load()()
    except Exception as error:
        raise _broken(entry.name, f"cannot be loaded: {error}") from error
    check_protocol(member, entry, PROTOCOL_VERSION)
    if not isinstance(member, Importer | DirectoryImporter):
        raise _broken(entry.name, "has no strength or no read_checkpoint(checkpoint)")
    if not isinstance(member, Importer):
        warn_deprecated(
            f"read(directory) of the lineage importer {entry.name!r}", "read_checkpoint(checkpoint)", removed_in="0.3"
        )
    return member


def _read(name: str, member: Importer | DirectoryImporter, checkpoint: Checkpoint) -> Lineage:
    try:
        if isinstance(member, Importer):
            record = member.read_checkpoint(checkpoint)
        else:
            record = member.read(checkpoint.directory)
    except HfverError:
        raise
    except Exception as error:  # code of others: whatever it raises, the message names the importer
        raise _broken(name, f"failed: {type(error).__name__}: {error}") from error
    if not isinstance(record, Lineage):
        raise _broken(name, "returned no Lineage")
    return record


def _broken(name: str, what: str) -> PluginError:
    return PluginError(f"The lineage importer {name!r} {what}.", "Update or uninstall the package that it comes with.")
