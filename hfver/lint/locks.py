"""The nearest ``hfver.lock`` of each folder: which references it has, and which commits."""

from __future__ import annotations

from pathlib import Path

from hfver.core.lockfile import Lock, Package, locate_lock, read_lock
from hfver.core.ref import parse_ref
from hfver.errors import BadRef
from hfver.lint.names import is_commit
from hfver.lint.report import Diagnostic

__all__ = ["Locks"]


class Locks:
    """The locks of a code base; each folder is searched once, and each lock read once."""

    def __init__(self) -> None:
        self._paths: dict[Path, Path | None] = {}
        self._locks: dict[Path, Lock] = {}

    def nearest(self, folder: Path) -> Lock:
        """Return the lock in a folder or the nearest one above it; an empty lock if there is none.

        Raises:
            BadConfig: The lock cannot be read.
        """
        if folder not in self._paths:
            self._paths[folder] = locate_lock(folder)
        path = self._paths[folder]
        if path is None:
            return Lock()
        if path not in self._locks:
            self._locks[path] = read_lock(path)
        return self._locks[path]

    def has(self, folder: Path, reference: str) -> bool:
        """Return whether the nearest lock resolves a reference ``ns/name@SPEC``."""
        try:
            ref = parse_ref(reference)
        except BadRef:
            return False
        packages = self.nearest(folder).direct
        return any(one.repo.lower() == ref.repo.lower() and one.satisfies(ref.spec) for one in packages)

    def commit_for(self, folder: Path, diagnostic: Diagnostic) -> str | None:
        """Return the commit to write for a diagnostic: the locked one of its repo, or of the version tag it names.

        Returns:
            None if the lock has no such repo, or a revision other than main that the lock does not know.
        """
        lock = self.nearest(folder)
        if diagnostic.name is None:
            return None
        if diagnostic.kind == "datasets":
            return _dataset_commit(lock, diagnostic)
        if diagnostic.kind != "models":
            return None
        if diagnostic.revision in (None, "main"):
            return lock.commit_of(diagnostic.name)
        commits = {one.commit for one in lock.packages if _is_version(one, diagnostic)}
        return commits.pop() if len(commits) == 1 else None


def _is_version(package: Package, diagnostic: Diagnostic) -> bool:
    same = package.repo.lower() == (diagnostic.name or "").lower()
    return same and package.version is not None and diagnostic.revision == f"v{package.version}"


def _dataset_commit(lock: Lock, diagnostic: Diagnostic) -> str | None:
    """Return the commit of a dataset that the locked models were trained on; None if they name different ones."""
    if diagnostic.revision not in (None, "main"):
        return None
    datasets = [dataset for package in lock.packages for dataset in package.datasets]
    commits = {dataset.revision for dataset in datasets if dataset.source == diagnostic.name}
    commit = commits.pop() if len(commits) == 1 else None
    return commit if is_commit(commit) else None
