"""What the nearest ``hfver.lock`` says of the code beside it."""

from __future__ import annotations

from pathlib import Path

from hfver.core.lockfile import Lock, Package, locate_lock, read_lock
from hfver.core.ref import parse_ref
from hfver.errors import BadRef
from hfver.lint.hf_uris import is_commit
from hfver.lint.report import Finding

__all__ = ["Locks"]


class Locks:
    """The locks of a code base: each is looked for once per folder, and read once."""

    def __init__(self) -> None:
        self._paths: dict[Path, Path | None] = {}
        self._locks: dict[Path, Lock] = {}

    def near(self, folder: Path) -> Lock:
        """Read the nearest lock from a folder upward; an empty one if there is none.

        Raises:
            BadConfig: It is broken.
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
        """Tell whether the nearest lock says which release ``ns/name@SPEC`` is."""
        try:
            ref = parse_ref(reference)
        except BadRef:
            return False
        named = (one for one in self.near(folder).direct if one.repo.lower() == ref.repo.lower())
        return any(package.answers(ref.spec) for package in named)

    def commit_for(self, folder: Path, finding: Finding) -> str | None:
        """Look up the commit that a finding should name: that of its repo, or of its version where it names one."""
        lock = self.near(folder)
        if finding.name is None:
            return None
        if finding.kind == "datasets":
            return _dataset(lock, finding)
        if finding.kind != "models":
            return None
        if finding.revision in (None, "main"):
            return lock.commit_of(finding.name)
        commits = {one.commit for one in lock.packages if _is_version(one, finding)}
        return commits.pop() if len(commits) == 1 else None


def _is_version(package: Package, finding: Finding) -> bool:
    same = package.repo.lower() == (finding.name or "").lower()
    return same and package.version is not None and finding.revision == f"v{package.version}"


def _dataset(lock: Lock, finding: Finding) -> str | None:
    """Look up a dataset that the locked models were trained on; None if they disagree."""
    if finding.revision not in (None, "main"):
        return None
    used = [one for package in lock.packages for one in package.datasets if one.source == finding.name]
    commits = {one.revision for one in used}
    commit = commits.pop() if len(commits) == 1 else None
    return commit if is_commit(commit) else None
