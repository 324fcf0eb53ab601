"""Which code trained the model: the git checkout around the checkpoint folder, or around the current directory.

This is the only file of ``hfver.model`` that runs git.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.hub_ids import last_part
from hfver.model.lineage.record import Code, Lineage

if TYPE_CHECKING:
    from git import Repo

__all__ = ["GitCheckout", "public_address"]

_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>[\w.-]{2,}):(?P<path>[^/\\].*)")


class GitCheckout:
    """Reads the repository, the commit and the state of the training code."""

    strength = 20

    def read_checkpoint(self, checkpoint: Checkpoint) -> Lineage:
        """Describe the checkout of the code; a clone of the model's own repo is not one."""
        directory = checkpoint.directory.resolve()
        found = (_describe(start, directory) for start in (directory, Path.cwd()))
        return Lineage(code=next((code for code in found if code), None))


def _describe(start: Path, checkpoint: Path) -> Code | None:
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    try:
        from git import GitError, Repo
    except ImportError:  # no git program here
        return None
    try:
        with Repo(start, search_parent_directories=True) as repo:
            top = Path(repo.working_tree_dir or checkpoint).resolve()
            return None if top == checkpoint else _read(repo, top)
    except (GitError, ValueError, OSError):
        return None  # no checkout, no commit yet, or a checkout that git refuses to read


def _read(repo: Repo, top: Path) -> Code:
    commit = repo.head.commit.hexsha
    script = _entrypoint(top)
    changed = bool(_git(repo, "status", "--porcelain", "--untracked-files=no"))
    foreign = script is not None and not _git(repo, "ls-files", "--", script)
    return Code(repository=_repository(repo), commit=commit, dirty=changed or foreign, entrypoint=script)


def _git(repo: Repo, *command: str) -> str:
    # The git config of a folder from somewhere else must not make us run a program.
    guarded = ["git", "-c", "core.fsmonitor=false", "--no-optional-locks", *command]
    return str(repo.git.execute(guarded))


def _repository(repo: Repo) -> str | None:
    names = [remote.name for remote in repo.remotes]
    if not names:
        return None
    remote = repo.remotes["origin" if "origin" in names else names[0]]
    return public_address(str(remote.config_reader.get("url")))


def public_address(url: str) -> str:
    """Remove user, password, query and fragment from the URL of a remote; of a local path, keep the last part."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https", "ssh", "git") and parts.hostname:
        port = f":{parts.port}" if parts.port else ""
        return urlunsplit((parts.scheme, parts.hostname + port, parts.path, "", ""))
    match = _SCP.fullmatch(url)
    return f"ssh://{match['host']}/{match['path']}" if match else last_part(url).removesuffix(".git")


def _entrypoint(top: Path) -> str | None:
    """Name the program that is running, if it belongs to the checkout and is not an installed one."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if not file:
        return None
    script = Path(file).resolve()
    installed = script.is_relative_to(Path(sys.prefix).resolve())
    return script.relative_to(top).as_posix() if script.is_relative_to(top) and not installed else None
