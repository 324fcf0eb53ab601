"""The first commit of a new repo."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pygit2

from hfver.server.git.attributes import default_attributes
from hfver.server.git.repository import MAIN, init_repository
from hfver.server.git.tree_edits import Put, apply
from hfver.server.names import RepoId
from hfver.server.storage.folder import sync_tree


def signature(name: str) -> pygit2.Signature:
    """Who wrote a commit, and when: now, in UTC."""
    return pygit2.Signature(name, f"{name}@users.noreply.localhost", int(time.time()), 0)


def write_first_commit(path: Path, repo: RepoId, author: str, files: Mapping[str, bytes]) -> None:
    """Make a bare repository with "initial commit": the default .gitattributes, and what the caller gave."""
    git = init_repository(path, repo.id)
    contents = {".gitattributes": default_attributes(repo.kind), **files}
    changes = [Put(name, git.create_blob(content)) for name, content in contents.items()]
    who = signature(author)
    git.create_commit(MAIN, who, who, "initial commit\n", apply(git, None, changes), [])
    git.free()
    sync_tree(path)
