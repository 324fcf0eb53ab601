"""Committing onto a branch without losing anybody's commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pygit2

from hfver.server.git.attributes import AttributeRules, lfs_rule
from hfver.server.git.first_commit import signature
from hfver.server.git.pack import StagedObjects
from hfver.server.git.refs import RefMovedError, resolve_revision, update_ref, write_lock
from hfver.server.git.tree_edits import TreeEdit, WriteFile, apply_edits
from hfver.server.names import is_commit
from hfver.server.problems import Problem, bad_request, revision_not_found

_MAX_ATTEMPTS = 100
# The message of the Hub, by which clients and people recognize a stale parent.
_STALE = "The branch was updated since you opened this page. Please refresh and try again."
_MAX_ATTRIBUTES = 1024 * 1024


@dataclass(frozen=True)
class NewCommit:
    """A commit to be made. Its blobs are staged already, and its LFS objects are in the store."""

    message: str
    author: str
    parent: str | None
    """The commit that the branch must be at; None for any."""
    edits: Sequence[TreeEdit]
    lfs_paths: Sequence[str]


def commit_to_ref(staged: StagedObjects, ref: str, new: NewCommit) -> str:
    """Commit onto a branch or pull request ref, and return the id of the commit.

    API requests take turns. A push may still get in between; then the edits are applied again, on top of what it
    pushed. If `new.parent` is set, the ref must be at that commit.

    Raises:
        Problem: 412 if the ref is not at `new.parent`; 404 if it does not exist; whatever `apply_edits` refuses.
    """
    git = staged.git
    with write_lock(git):
        for _ in range(_MAX_ATTEMPTS):
            head = _head(git, ref, new.parent)
            commit = write_commit(git, head, new)
            staged.publish()  # objects must be on disk before a ref points to them
            try:
                update_ref(git, ref, head.id, commit)
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
    return resolve_revision(git, str(found.target))


def write_commit(git: pygit2.Repository, head: pygit2.Commit, new: NewCommit) -> pygit2.Oid:
    """Write a commit's objects without moving a ref."""
    tree = apply_edits(git, head.tree, new.edits)
    tree = _with_lfs_rules(git, tree, new.lfs_paths)
    who = signature(new.author)
    return git.create_commit(None, who, who, new.message, tree, [head.id])


def _with_lfs_rules(git: pygit2.Repository, tree_id: pygit2.Oid, lfs_paths: Sequence[str]) -> pygit2.Oid:
    """Add .gitattributes rules for LFS files that no rule covers: in a clone they would stay pointers."""
    if not lfs_paths:
        return tree_id
    tree = git[tree_id].peel(pygit2.Tree)
    current = _child(tree, ".gitattributes")
    if current is not None and not isinstance(current, pygit2.Blob):  # a folder of that name cannot hold rules
        return tree_id
    text = current.data[:_MAX_ATTRIBUTES].decode("utf-8", "replace") if current is not None else ""
    attributes = AttributeRules(text)
    missing = [path for path in dict.fromkeys(lfs_paths) if not attributes.is_lfs(path)]
    if not missing:
        return tree_id
    start = text if text.endswith("\n") or not text else f"{text}\n"
    content = start + "".join(lfs_rule(path) for path in missing)
    return apply_edits(git, tree, [WriteFile(".gitattributes", git.create_blob(content.encode()))])


def _child(tree: pygit2.Tree, name: str) -> pygit2.Object | None:
    return tree[name] if name in tree else None  # noqa: SIM401  (a Tree has no `get`)
