"""What a pull request changes, whether that conflicts with main, and the commit that merges it.

Like huggingface.co, a merge applies the changes since the merge base to main, as one commit whose only parent is main.
So main stays linear, and ``refs/pr/N`` stays where its author left it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import pygit2
from pygit2.enums import MergeFlag, ObjectType, SortMode

from hfver.server.git.first_commit import signature
from hfver.server.git.history import title_of, walk_commits
from hfver.server.git.refs import MAIN
from hfver.server.problems import Problem, conflict
from hfver.server.storage.discussions import Discussion

MAX_DIFF = 1024 * 1024
"""Bytes of a diff that are shown; a release's card and config need far less."""
_MAX_COMMITS = 1000
_NO_RENAMES = MergeFlag(0)
"""All LFS pointers look alike, so a similar content does not mean that a file was renamed."""


@dataclass(frozen=True)
class MergeSides:
    """The commits of a three-way merge. `base` is None if the histories have nothing in common."""

    base: pygit2.Commit | None
    main: pygit2.Commit
    head: pygit2.Commit


def merge_sides(git: pygit2.Repository, pull: Discussion) -> MergeSides | None:
    """Find the commits of a pull request; None if main or its ref does not exist, or a commit is damaged."""
    main, head = git.references.get(MAIN), git.references.get(pull.ref)
    if main is None or head is None:
        return None
    try:
        ours, theirs = main.peel(pygit2.Commit), head.peel(pygit2.Commit)
        return MergeSides(_base(git, pull, ours, theirs), ours, theirs)
    except (KeyError, ValueError, pygit2.GitError):
        return None


def _base(git: pygit2.Repository, pull: Discussion, main: pygit2.Commit, head: pygit2.Commit) -> pygit2.Commit | None:
    if pull.status == "merged":
        return git[pull.merge_base].peel(pygit2.Commit) if pull.merge_base else None
    found = git.merge_base(main.id, head.id)
    return git[found].peel(pygit2.Commit) if found is not None else None


def commits_of(git: pygit2.Repository, sides: MergeSides) -> list[pygit2.Commit]:
    """List a pull request's own commits, oldest first.

    Raises:
        Problem: 422 if one of them is damaged.
    """
    walker = walk_commits(git, sides.head, SortMode.TOPOLOGICAL | SortMode.REVERSE, sides.base)
    return list(islice(walker, _MAX_COMMITS))


def diff_of(sides: MergeSides) -> str:
    """Write a pull request's changes as a git diff, cut off after `MAX_DIFF` bytes."""
    tree, parts, left = sides.head.tree, list[str](), MAX_DIFF
    for patch in sides.base.tree.diff_to_tree(tree) if sides.base is not None else tree.diff_to_tree(swap=True):
        data = patch.data if patch is not None else b""
        left -= len(data)
        if left < 0:
            parts.append("# The rest of the diff is too long to be shown.\n")
            break
        parts.append(data.decode("utf-8", "replace"))
    return "".join(parts)


def conflicts_of(git: pygit2.Repository, sides: MergeSides) -> list[str]:
    """List the files that both sides changed differently. This may write blobs, so `git` must be a staging handle."""
    return _conflicts(_merge(git, sides))


def write_merge(git: pygit2.Repository, pull: Discussion, sides: MergeSides, merger: str) -> pygit2.Oid:
    """Write the commit that merges a pull request, without moving a ref.

    Raises:
        Problem: 409 with the files in conflict.
    """
    index = _merge(git, sides)
    files = _conflicts(index)
    if files:
        raise conflict(f"Pull request {pull.number} conflicts with main in {files[0]}", filesWithConflicts=files)
    who = signature(merger)
    message = _message(pull, commits_of(git, sides), merger)
    return git.create_commit(None, who, who, message, index.write_tree(git), [sides.main.id])


def _message(pull: Discussion, commits: list[pygit2.Commit], merger: str) -> str:
    """List every commit, and all authors, as the Hub does."""
    lines = [f"{pull.title} (#{pull.number})", "", *(f"- {title_of(one)} ({one.id})" for one in commits), ""]
    authors = {one.author.name: one.author.email for one in commits if one.author.name != merger}
    lines += [f"Co-authored-by: {name} <{email}>" for name, email in authors.items()]
    return "\n".join(lines).rstrip() + "\n"


def _merge(git: pygit2.Repository, sides: MergeSides) -> pygit2.Index:
    base = sides.base.tree if sides.base is not None else _empty_tree(git)
    try:
        return git.merge_trees(base, sides.main.tree, sides.head.tree, flags=_NO_RENAMES)
    except pygit2.GitError as error:
        raise Problem(409, f"The changes cannot be merged: {error}") from error


def _conflicts(index: pygit2.Index) -> list[str]:
    found = index.conflicts or ()
    return sorted({str(entry.path) for entries in found for entry in entries if entry is not None})


def _empty_tree(git: pygit2.Repository) -> pygit2.Tree:
    return git[git.write(ObjectType.TREE, b"")].peel(pygit2.Tree)
