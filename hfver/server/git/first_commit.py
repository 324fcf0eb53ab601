"""The first commit of a new repo, and the signatures of all commits that the Hub makes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pygit2

from hfver.server.git.attributes import default_attributes
from hfver.server.git.refs import MAIN
from hfver.server.git.repository import init_repository
from hfver.server.git.tree_edits import WriteFile, apply_edits
from hfver.server.names import RepoId
from hfver.server.storage.folder import sync_tree


def signature(name: str) -> pygit2.Signature:
    """Make the signature of a user for a commit at this moment, in UTC."""
    return pygit2.Signature(name, f"{name}@users.noreply.localhost", int(time.time()), 0)


def write_first_commit(path: Path, repo: RepoId, author: str, files: Mapping[str, bytes]) -> None:
    """Create a bare repository with an "initial commit": the default .gitattributes and the caller's files."""
    git = init_repository(path, repo.id)
    contents = {".gitattributes": default_attributes(repo.kind), **files}
    edits = [WriteFile(name, git.create_blob(content)) for name, content in contents.items()]
    who = signature(author)
    git.create_commit(MAIN, who, who, "initial commit\n", apply_edits(git, None, edits), [])
    git.free()
    sync_tree(path)
