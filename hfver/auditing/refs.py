"""What an audit reports about a repo's branches: those that can be taken for versions, and leftover candidates."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from hfver.core.audit_report import Finding
from hfver.core.ledger import Entry
from hfver.core.version import version_of_tag
from hfver.errors import TagMoved
from hfver.hub.client import HubRepo
from hfver.hub.git.clone import Clone
from hfver.registry.state import RepoState

__all__ = ["check_refs"]

CANDIDATES = "hfver/"
"""Prefix of the branches that hold candidates."""


def check_refs(clone: Clone, state: RepoState) -> Iterator[Finding]:
    """Return the findings about a repo's branches. A finding without an error is a remark."""
    yield from _shadows(clone, state)
    yield from _left_branches(clone)


def _shadows(clone: Clone, state: RepoState) -> Iterator[Finding]:
    """Find branches with the names of version tags, and a tag with the name of the default branch.

    hfver uses the full names of refs. ``git clone -b`` takes the branch, and Hubs differ in which they look up first.
    """
    for name, commit in sorted(clone.branches.items()):
        version = version_of_tag(name)
        if version is not None:
            yield _shadow(state, name, commit, state.ledger.find(version))
    if "main" in clone.tags:
        yield Finding(
            None,
            f"There is a tag main (commit {clone.tags['main'].commit[:12]}) beside the branch: some clients and Hubs "
            "take it for the newest state of the repo.",
            f"Delete it: {_deletion(state.repo, 'refs/tags/main')}",
        )


def _shadow(state: RepoState, name: str, commit: str, entry: Entry | None) -> Finding:
    branch, hint = f"branch {name} (commit {commit[:12]})", _deletion(state.repo, f"refs/heads/{name}")
    if entry is None:
        return Finding(
            None,
            f"There is a {branch}, and no release {name}: without hfver, that revision is the branch.",
            f"Rename it, or delete it: {hint}",
        )
    if entry.commit == commit:
        return Finding(
            None,
            f"There is a {branch} beside the tag, at the same commit: it can move, and git clone -b {name} takes it "
            "instead of the tag.",
            f"Delete it: {hint}",
        )
    return Finding(
        TagMoved.__name__,
        f"There is a {branch} beside the tag of {state.repo}@{entry.version}, whose commit is {entry.commit[:12]}: "
        f"git clone -b {name} takes the branch, and so do some Hubs and clients.",
        f"Ask who has write access what it is for, and delete it: {hint}",
    )


def _deletion(repo: HubRepo, ref: str) -> str:
    """Return the command that deletes a ref."""
    if repo.hub.store is None:
        return f"git push {repo.url()} :{ref}"
    folder = repo.hub.store / "repos" / repo.kind / f"{repo.name.lower()}.git"
    return f"git -C {quote(str(folder))} update-ref -d {ref}"


def _left_branches(clone: Clone) -> Iterator[Finding]:
    for name, commit in sorted(clone.branches.items()):
        if name.startswith(CANDIDATES):
            yield Finding(
                None,
                f"Branch {name} (commit {commit[:12]}) is the candidate of a running or interrupted release.",
                "Run the same hfver release again to finish it, or delete the branch.",
            )
