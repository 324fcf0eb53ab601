"""Committing: changes onto a branch, with nobody's commit lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pygit2

from hfver.server.git.attributes import Attributes, rule_for
from hfver.server.git.first_commit import signature
from hfver.server.git.pack import Draft
from hfver.server.git.repository import RefMovedError, swap, writing
from hfver.server.git.tree_edits import Change, Put, apply
from hfver.server.names import is_commit
from hfver.server.problems import Problem, bad_request, revision_not_found

_MAX_ATTEMPTS = 100
_STALE = "The branch was updated since you opened this page. Please refresh and try again."
_MAX_ATTRIBUTES = 1024 * 1024


@dataclass(frozen=True)
class Proposal:
    """What a commit shall say and do; its blobs are in the draft, its LFS objects in the store."""

    message: str
    author: str
    parent: str | None
    changes: Sequence[Change]
    lfs_paths: Sequence[str]


def commit_to(draft: Draft, ref: str, proposal: Proposal) -> str:
    """Commit onto a branch or pull request, and return the new commit's id.

    API writers take turns; a push may still get in between, then the changes are applied once more to
    what it left. With `parent` set, nothing but that very head will do.

    Raises:
        Problem: 412 when `parent` is not the head; 404 when the ref is gone; what `apply` refuses.
    """
    git = draft.git
    with writing(git):
        for _ in range(_MAX_ATTEMPTS):
            head = _head(git, ref, proposal.parent)
            commit = write_commit(git, head, proposal)
            draft.publish()
            try:
                swap(git, ref, head.id, commit)
            except RefMovedError:
                continue
            return str(commit)
    raise Problem(409, "The branch keeps moving; try again")


def _head(git: pygit2.Repository, ref: str, parent: str | None) -> pygit2.Commit:
    found = git.references.get(ref)
    if found is None:
        raise revision_not_found(ref)
    if parent is not None and not is_commit(parent):
        raise bad_request("parentCommit must be a full commit id")
    if parent is not None and str(found.target) != parent:
        raise Problem(412, _STALE)
    return found.peel(pygit2.Commit)


def write_commit(git: pygit2.Repository, head: pygit2.Commit, proposal: Proposal) -> pygit2.Oid:
    """Write a commit's objects; no ref moves yet."""
    tree = apply(git, head.tree, proposal.changes)
    tree = _with_lfs_rules(git, tree, proposal.lfs_paths)
    who = signature(proposal.author)
    return git.create_commit(None, who, who, proposal.message, tree, [head.id])


def _with_lfs_rules(git: pygit2.Repository, tree_id: pygit2.Oid, lfs_paths: Sequence[str]) -> pygit2.Oid:
    """Add .gitattributes rules for LFS files that none covers: a clone would keep their pointers as text."""
    if not lfs_paths:
        return tree_id
    tree = git[tree_id].peel(pygit2.Tree)
    current = _child(tree, ".gitattributes")
    if current is not None and not isinstance(current, pygit2.Blob):
        return tree_id
    text = current.data[:_MAX_ATTRIBUTES].decode("utf-8", "replace") if current is not None else ""
    attributes = Attributes(text)
    missing = [path for path in dict.fromkeys(lfs_paths) if not attributes.is_lfs(path)]
    if not missing:
        return tree_id
    start = text if text.endswith("\n") or not text else f"{text}\n"
    content = start + "".join(rule_for(path) for path in missing)
    return apply(git, tree, [Put(".gitattributes", git.create_blob(content.encode()))])


def _child(tree: pygit2.Tree, name: str) -> pygit2.Object | None:
    return tree[name] if name in tree else None  # noqa: SIM401  (a Tree has no `get`)
