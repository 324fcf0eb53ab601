"""Merging pull requests: what they change, whether that still fits main, and putting it there.

A merge is what huggingface.co makes of it: the changes since the merge base, applied to main as one commit with
main as its only parent. So main stays linear, and ``refs/pr/N`` stays where its author left it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pygit2
from pygit2.enums import MergeFlag, ObjectType, SortMode

from hfver.server.git.first_commit import signature
from hfver.server.git.history import title_of
from hfver.server.git.repository import MAIN
from hfver.server.problems import Problem, conflict
from hfver.server.storage.discussions import Discussion

MAX_DIFF = 1024 * 1024
"""Bytes of a diff that is shown; a release's card and config are far below."""
_MAX_COMMITS = 1000
_NO_RENAMES = MergeFlag(0)
"""Two LFS pointers look alike whatever they point to, so likeness says nothing here."""


@dataclass(frozen=True)
class Sides:
    """What a merge is made of. `base` is None for histories that have nothing in common."""

    base: pygit2.Commit | None
    main: pygit2.Commit
    head: pygit2.Commit


def sides_of(git: pygit2.Repository, pull: Discussion) -> Sides | None:
    """Find the commits of a pull request; None when main or its ref is gone."""
    main, head = git.references.get(MAIN), git.references.get(pull.ref)
    if main is None or head is None:
        return None
    ours, theirs = main.peel(pygit2.Commit), head.peel(pygit2.Commit)
    return Sides(_base(git, pull, ours, theirs), ours, theirs)


def _base(git: pygit2.Repository, pull: Discussion, main: pygit2.Commit, head: pygit2.Commit) -> pygit2.Commit | None:
    if pull.status == "merged":
        return git[pull.merge_base].peel(pygit2.Commit) if pull.merge_base else None
    found = git.merge_base(main.id, head.id)
    return git[found].peel(pygit2.Commit) if found is not None else None


def commits_of(git: pygit2.Repository, sides: Sides) -> list[pygit2.Commit]:
    """List a pull request's own commits, oldest first."""
    walker = git.walk(sides.head.id, SortMode.TOPOLOGICAL | SortMode.REVERSE)
    if sides.base is not None:
        walker.hide(sides.base.id)
    return [commit for commit, _ in zip(walker, range(_MAX_COMMITS), strict=False)]


def diff_of(sides: Sides) -> str:
    """Write what a pull request changes as a git diff, cut off where it grows past what a page can show."""
    tree, parts, left = sides.head.tree, list[str](), MAX_DIFF
    for patch in sides.base.tree.diff_to_tree(tree) if sides.base is not None else tree.diff_to_tree(swap=True):
        data = patch.data if patch is not None else b""
        left -= len(data)
        if left < 0:
            parts.append("# The rest of the diff is too long to be shown.\n")
            break
        parts.append(data.decode("utf-8", "replace"))
    return "".join(parts)


def conflicts_of(git: pygit2.Repository, sides: Sides) -> list[str]:
    """List the files that both sides changed, each in its own way. It may write blobs: give it a draft's handle."""
    return _conflicts(_merge(git, sides))


def write_merge(git: pygit2.Repository, pull: Discussion, sides: Sides, merger: str) -> pygit2.Oid:
    """Write the commit that a merge puts on main; no ref moves yet.

    Raises:
        Problem: 409 with the files that are in conflict.
    """
    index = _merge(git, sides)
    files = _conflicts(index)
    if files:
        raise conflict(f"Pull request {pull.number} conflicts with main in {files[0]}", filesWithConflicts=files)
    who = signature(merger)
    message = _message(pull, commits_of(git, sides), merger)
    return git.create_commit(None, who, who, message, index.write_tree(git), [sides.main.id])


def _message(pull: Discussion, commits: list[pygit2.Commit], merger: str) -> str:
    """Name every commit that went in, and everybody who wrote one, as the Hub does."""
    lines = [f"{pull.title} (#{pull.number})", "", *(f"- {title_of(one)} ({one.id})" for one in commits), ""]
    writers = {one.author.name: one.author.email for one in commits if one.author.name != merger}
    lines += [f"Co-authored-by: {name} <{email}>" for name, email in writers.items()]
    return "\n".join(lines).rstrip() + "\n"


def _merge(git: pygit2.Repository, sides: Sides) -> pygit2.Index:
    base = sides.base.tree if sides.base is not None else _no_tree(git)
    try:
        return git.merge_trees(base, sides.main.tree, sides.head.tree, flags=_NO_RENAMES)
    except pygit2.GitError as error:
        raise Problem(409, f"The changes cannot be merged: {error}") from error


def _conflicts(index: pygit2.Index) -> list[str]:
    found = index.conflicts or ()
    return sorted({str(entry.path) for entries in found for entry in entries if entry is not None})


def _no_tree(git: pygit2.Repository) -> pygit2.Tree:
    return git[git.write(ObjectType.TREE, b"")].peel(pygit2.Tree)
