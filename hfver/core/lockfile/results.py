"""What the verbs of the lock return, each with the JSON that ``--json`` prints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfver.core.lockfile.lock import Lock, Package

__all__ = ["Change", "Locked", "Outdated", "Standing", "Synced"]


@dataclass(frozen=True)
class Change:
    """What became of one repo in a lock: its version (or commit) before and after; None where it was not there."""

    repo: str
    before: str | None
    after: str | None
    bump: str | None = None
    """The part of the version that rose; None where none did."""

    @property
    def kind(self) -> str:
        """``added``, ``removed``, ``upgraded`` or ``changed``."""
        if self.before is None or self.after is None:
            return "added" if self.before is None else "removed"
        return "upgraded" if self.bump else "changed"

    def to_json(self) -> dict[str, Any]:
        """Give one element of ``changes``."""
        return {"repo": self.repo, "change": self.kind, "from": self.before, "to": self.after, "bump": self.bump}


@dataclass(frozen=True)
class Locked:
    """A lock as it is now, and what changed in it."""

    path: Path
    lock: Lock
    changes: tuple[Change, ...]
    written: bool
    """Whether the file changed."""
    notes: tuple[str, ...] = ()
    """What is worth knowing: yanked releases, code that was allowed for another commit."""

    def to_json(self) -> dict[str, Any]:
        """Give the JSON of ``hfver lock``."""
        return {
            "path": str(self.path),
            "written": self.written,
            "changes": [change.to_json() for change in self.changes],
            "packages": [_package(one) for one in self.lock.packages],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Synced:
    """What a lock holds, in the Hugging Face cache, every file verified."""

    path: Path
    folders: tuple[tuple[Package, Path], ...]
    """Every package with the folder that holds its files."""
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give the JSON of ``hfver sync``."""
        rows = [{**_package(package), "path": str(folder)} for package, folder in self.folders]
        return {"lock": str(self.path), "verified": True, "packages": rows, "notes": list(self.notes)}


@dataclass(frozen=True)
class Standing:
    """How a locked package stands against what its repo has now."""

    repo: str
    spec: str
    locked: str
    allowed: str | None
    """The newest version that the spec allows."""
    newest: str | None
    """The newest stable version at all."""
    allowed_bump: str | None
    newest_bump: str | None
    yanked: str | None
    """Why the locked version was withdrawn, or None."""

    def to_json(self) -> dict[str, Any]:
        """Give one element of ``packages``."""
        return {
            "repo": self.repo,
            "spec": self.spec,
            "locked": self.locked,
            "allowed": self.allowed,
            "newest": self.newest,
            "bump": self.allowed_bump,
            "newest_bump": self.newest_bump,
            "yanked": self.yanked,
        }


@dataclass(frozen=True)
class Outdated:
    """How all that a project asked for stands."""

    path: Path
    packages: tuple[Standing, ...]

    def to_json(self) -> dict[str, Any]:
        """Give the JSON of ``hfver outdated``."""
        return {"lock": str(self.path), "packages": [one.to_json() for one in self.packages]}


def _package(package: Package) -> dict[str, Any]:
    facts = package.model_dump(mode="json", exclude={"files", "datasets"})
    return {**facts, "files": len(package.files), "bytes_total": package.bytes_total}
