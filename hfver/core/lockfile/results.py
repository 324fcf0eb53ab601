"""The results of ``lock``, ``sync`` and ``outdated``, each with the JSON that ``--json`` prints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfver.core.lockfile.lock import Lock, Package

__all__ = ["LockChange", "Locked", "Outdated", "PackageStatus", "Synced"]


@dataclass(frozen=True)
class LockChange:
    """A change of one repo in a lock.

    Attributes:
        repo: The repo.
        before: The version (or commit) that was locked; None if nothing was.
        after: The version (or commit) that is locked; None if nothing is.
        bump: The level by which the version rose; None if it did not.
    """

    repo: str
    before: str | None
    after: str | None
    bump: str | None = None

    @property
    def kind(self) -> str:
        """``added``, ``removed``, ``upgraded`` or ``changed``."""
        if self.before is None or self.after is None:
            return "added" if self.before is None else "removed"
        return "upgraded" if self.bump else "changed"

    def to_json(self) -> dict[str, Any]:
        """Return one element of ``changes``."""
        return {"repo": self.repo, "change": self.kind, "from": self.before, "to": self.after, "bump": self.bump}


@dataclass(frozen=True)
class Locked:
    """A lock after an update.

    Attributes:
        path: The file.
        lock: Its content.
        changes: What changed in it, by repo.
        written: Whether the file changed.
        notes: What the user should know: yanked releases, and code that was allowed for a different commit.
    """

    path: Path
    lock: Lock
    changes: tuple[LockChange, ...]
    written: bool
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of ``hfver lock``."""
        return {
            "path": str(self.path),
            "written": self.written,
            "changes": [change.to_json() for change in self.changes],
            "packages": [_package(one) for one in self.lock.packages],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Synced:
    """The packages of a lock in the Hugging Face cache, with every file verified.

    Attributes:
        path: The lock.
        folders: Every package, with the folder that has its files.
        notes: What the user should know, such as yanked releases.
    """

    path: Path
    folders: tuple[tuple[Package, Path], ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of ``hfver sync``."""
        rows = [{**_package(package), "path": str(folder)} for package, folder in self.folders]
        return {"lock": str(self.path), "verified": True, "packages": rows, "notes": list(self.notes)}


@dataclass(frozen=True)
class PackageStatus:
    """A locked package, compared with the newest releases of its repo.

    Attributes:
        repo: The repo.
        spec: The required spec.
        locked: The locked version (or commit).
        allowed: The newest version that the spec allows; None if it allows no release.
        newest: The newest stable version of all; None for a repo without stable releases.
        allowed_bump: The level from the locked version to ``allowed``; None if that is not higher.
        newest_bump: The level from the locked version to ``newest``; None if that is not higher.
        yanked: Why the locked version was yanked; None if it was not.
    """

    repo: str
    spec: str
    locked: str
    allowed: str | None
    newest: str | None
    allowed_bump: str | None
    newest_bump: str | None
    yanked: str | None

    def to_json(self) -> dict[str, Any]:
        """Return one element of ``packages``."""
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
    """The packages that a project requires, compared with the newest releases of their repos."""

    path: Path
    packages: tuple[PackageStatus, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of ``hfver outdated``."""
        return {"lock": str(self.path), "packages": [one.to_json() for one in self.packages]}


def _package(package: Package) -> dict[str, Any]:
    facts = package.model_dump(mode="json", exclude={"files", "datasets"})
    return {**facts, "files": len(package.files), "bytes_total": package.bytes_total}
