"""The content of a lock: packages at exact commits, with everything that proves them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hfver.core.checked_text import ModelId, SpecText, VersionText
from hfver.core.ledger import Sha1
from hfver.core.manifest import Digest, FileEntry, SafePath
from hfver.core.ref import Commit, Latest, PullRequest, Spec, Stage, parse_ref
from hfver.core.version import Range, parse_version

__all__ = ["Lock", "LockedDataset", "Package"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LockedDataset(_Record):
    """A dataset that a package was trained on, as its lineage names it. It is recorded, but never downloaded."""

    name: str
    source: str | None = None
    revision: str | None = None
    hash: str | None = None


class Package(_Record):
    """One model at one commit, with everything that proves it."""

    repo: ModelId
    hub: str
    """The identity of the Hub: its URL, or the name of an embedded one."""
    spec: SpecText | None = None
    """The spec that the project requires; None for a package that only another package needs."""
    version: VersionText | None = None
    commit: Sha1
    digest: Digest | None = None
    """The digest of the release; None for a commit that hfver did not make."""
    ledger: Digest | None = None
    """The head of the repo's ledger when the package was locked."""
    allow_code: bool = False
    """Whether the user allowed the Python code of this commit to run."""
    base: str | None = None
    """The package that an adapter is loaded onto: ``ns/name@commit``."""
    datasets: tuple[LockedDataset, ...] = ()
    files: Mapping[SafePath, FileEntry] = Field(min_length=1)

    @property
    def place(self) -> str:
        """What to type after ``--hub``. The lock does not have the folder of an embedded Hub."""
        return self.hub if self.hub.startswith("http") else "DIR, with the folder of that Hub"

    @model_validator(mode="after")
    def _is_whole(self) -> Package:
        if (self.version is None) != (self.digest is None):
            raise ValueError("version and digest belong together: a release has both, any other commit neither")
        if self.digest is not None and self.ledger is None:
            raise ValueError("a release needs ledger, the head of its repo's ledger")
        return self

    @property
    def id(self) -> str:
        """Repo and commit, by which the ``base`` of another package refers to this one."""
        return f"{self.repo}@{self.commit}"

    @property
    def parsed_spec(self) -> Spec:
        """The ``spec``, parsed; exactly this commit for a package without one."""
        return parse_ref(f"a/b@{self.spec}").spec if self.spec else Commit(self.commit)

    @property
    def bytes_total(self) -> int:
        """Sum of the sizes of its files, in bytes."""
        return sum(entry.size for entry in self.files.values())

    def satisfies(self, spec: Spec) -> bool:
        """Return whether this package is what ``spec`` asks for. Latest asks for any: it means what is locked."""
        if isinstance(spec, Latest):
            return True
        if isinstance(spec, Commit):
            return spec.sha == self.commit
        if isinstance(spec, Stage | PullRequest):
            return str(spec) == self.spec
        if self.version is None:
            return False
        version = parse_version(self.version)
        return spec.allows(version) if isinstance(spec, Range) else spec == version

    def __str__(self) -> str:
        return f"{self.repo}@{self.version or self.commit}"


class Lock(BaseModel):
    """All packages of a project. Direct ones have a ``spec``; the others are bases that direct ones need."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    packages: tuple[Package, ...] = ()
    path: Path | None = Field(default=None, exclude=True)
    """Where it was read from, for errors."""

    def find(self, repo: str, hub: str) -> Package | None:
        """Find the package that the project requires of a repo on a Hub. Repo ids are compared without case."""
        return next((one for one in self.direct if one.hub == hub and one.repo.lower() == repo.lower()), None)

    def at(self, repo: str, commit: str, hub: str) -> Package | None:
        """Find the package, direct or not, that is this commit of a repo on a Hub."""
        return self._by_commit.get((hub, repo.lower(), commit))

    def commit_of(self, repo: str, hub: str | None = None) -> str | None:
        """Return the commit that a repo id means in this project; None if the lock does not decide that.

        The required package comes first; otherwise it is the commit of a base, if the lock has only one.

        Args:
            repo: ``ns/name``, or a model of one segment such as ``gpt2``.
            hub: Identity of the Hub; None for any.
        """
        named = [one for one in self.packages if one.repo.lower() == repo.lower() and hub in (None, one.hub)]
        commits = {one.commit for one in named if one.spec} or {one.commit for one in named}
        return commits.pop() if len(commits) == 1 else None

    def allows_code(self, repo: str, commit: str, hub: str) -> bool:
        """Return whether the user allowed the Python code of exactly this commit to run."""
        package = self.at(repo, commit, hub)
        return package is not None and package.allow_code

    def base_of(self, package: Package) -> Package | None:
        """Find the package that an adapter is loaded onto."""
        repo, _, commit = (package.base or "").partition("@")
        return self.at(repo, commit, package.hub) if commit else None

    @property
    def ordered(self) -> tuple[Package, ...]:
        """The packages in the order of the file: by repo, required ones first."""
        return tuple(sorted(self.packages, key=lambda one: (one.repo.lower(), one.hub, one.spec is None, one.commit)))

    @property
    def direct(self) -> tuple[Package, ...]:
        """The packages that the project requires."""
        return tuple(one for one in self.packages if one.spec)

    @cached_property
    def _by_commit(self) -> dict[tuple[str, str, str], Package]:
        ordered = sorted(self.packages, key=lambda one: one.spec is not None)
        return {(one.hub, one.repo.lower(), one.commit): one for one in ordered}

    @model_validator(mode="after")
    def _is_consistent(self) -> Lock:
        seen: set[tuple[str, ...]] = set()
        for package in self.packages:
            key = (package.hub, package.repo.lower(), *(() if package.spec else (package.commit,)))
            if key in seen:
                raise ValueError(f"{package.repo} is locked twice")
            seen.add(key)
            if package.base and self.base_of(package) is None:
                raise ValueError(f"{package} needs {package.base}, which is not locked")
        return self
