"""Moving a pull request to a commit that is on the Hub already.

The commit API can only append to a ref. A pull request that is to follow ``main`` needs a next commit that is also a
child of a commit outside of it. That is a merge commit, which only git can push. No file content is transferred: at
most one commit is pushed, whose files the Hub has.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from hfver.core.log import timed
from hfver.errors import Conflict, HubError, UsageError
from hfver.hub.client import HubRepo
from hfver.hub.git.environment import git_environment, git_remote, was_redirected

__all__ = ["advance"]

DEPTH = 3
"""Number of commits to fetch of each side: a candidate, its parent, and main."""

TIMEOUT = 300
"""Seconds that one git command may take."""

_REJECTED = ("[rejected]", "[remote rejected]", "fetch first", "non-fast-forward")
"""How git reports that a ref moved, or that the server does not accept a push to it."""


def advance(repo: HubRepo, ref: str, branch: str, new: str, message: str) -> str:
    """Move a pull request's ref forward to the head of a branch.

    If the head of the branch is not a descendant of the ref, a merge commit of both is made, with exactly the branch's
    files.

    Args:
        repo: The repo.
        ref: The pull request's ref.
        branch: The branch.
        new: The commit that the branch must be at.
        message: The message of a merge commit.

    Returns:
        The commit that the ref is at afterwards.

    Raises:
        Conflict: Somebody else pushed to the pull request at the same time, or moved or deleted the branch.
        UsageError: git is not installed.
        HubError: The Hub did not accept the fetch or the push.
    """
    with tempfile.TemporaryDirectory(prefix="hfver-") as folder:
        git = _Git(repo, Path(folder))
        git("init", "--quiet", "--bare", "--template=", folder)
        specs = [f"+{ref}:refs/hfver/old", f"+refs/heads/{branch}:refs/hfver/new"]
        _fetch(git, repo, specs)
        old, found = (git("rev-parse", f"refs/hfver/{name}").strip() for name in ("old", "new"))
        if found != new:
            raise _branch_moved(repo, branch)
        if old == new:
            return new
        target = new if _descends(git, old, new) else _merge(git, old, new, message)
        try:
            git("push", "--quiet", "origin", f"{target}:{ref}")
        except HubError as error:
            _check_arrived(repo, error, ref=ref, target=target, branch=branch, new=new)
    return target


def _fetch(git: _Git, repo: HubRepo, specs: list[str]) -> None:
    try:
        git("fetch", "--quiet", "--no-tags", f"--depth={DEPTH}", "--filter=blob:none", "origin", *specs)
    except HubError as error:
        if "couldn't find remote ref refs/heads/" in error.message:
            raise _branch_moved(repo, specs[1].partition(":")[0].removeprefix("+refs/heads/")) from None
        raise


def _branch_moved(repo: HubRepo, branch: str) -> Conflict:
    return Conflict(
        f"{repo}: branch {branch} changed in the meantime; another process is releasing the same content.",
        "Wait for it to finish, then run the command again.",
    )


def _descends(git: _Git, old: str, new: str) -> bool:
    return old in git("rev-list", f"--max-count={DEPTH}", new).split()


def _merge(git: _Git, old: str, new: str, message: str) -> str:
    tree = git("rev-parse", f"{new}^{{tree}}").strip()
    return git("commit-tree", tree, "-p", old, "-p", new, "-m", message).strip()


def _check_arrived(repo: HubRepo, error: HubError, *, ref: str, target: str, branch: str, new: str) -> None:
    """Raise the error of a failed push, unless the ref was moved and only the answer was lost.

    Raises:
        Conflict: Another process moved the branch, or somebody else pushed to the pull request.
        HubError: The push failed for another reason.
    """
    refs = repo.refs()
    if refs.pull_requests.get(int(ref.rpartition("/")[2])) == target:
        return
    # Without the branch, the Hub may lack the commit's files, and git cannot send them: it has not fetched them.
    if refs.branches.get(branch) != new:
        raise _branch_moved(repo, branch) from None
    if any(text in error.message for text in _REJECTED):
        raise Conflict(
            f"{repo}: {ref} was not updated: somebody else pushed to it in the meantime, or it is merged.",
            "Run the same command again.",
        ) from None
    raise error


class _Git:
    """Runs git in a folder, with the Hub's repo as ``origin``."""

    def __init__(self, repo: HubRepo, folder: Path) -> None:
        self._repo, self._remote, self._folder = repo, f"{repo} on {repo.hub.place}", folder
        self._environment = _environment(repo, folder)

    def __call__(self, *arguments: str) -> str:
        try:
            with timed(f"git {arguments[0]}"):
                done = subprocess.run(
                    ["git", *arguments],
                    cwd=self._folder,
                    env=self._environment,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=TIMEOUT,
                    check=False,
                )
        except FileNotFoundError:
            raise UsageError(
                "A release with --review needs git, which is not installed.", "Install it: https://git-scm.com"
            ) from None
        except subprocess.TimeoutExpired:
            raise HubError(
                f"git {arguments[0]} of {self._remote} took more than {TIMEOUT} seconds.",
                "Check the network, then run the same command again: it continues where it stopped.",
            ) from None
        if done.returncode and was_redirected(done.stderr) and self._repo.find_git_name():
            self._environment = _environment(self._repo, self._folder)
            return self(*arguments)
        if done.returncode:
            raise HubError(f"git {arguments[0]} of {self._remote} failed: {_reason(done.stderr)}")
        return done.stdout


def _reason(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("hint:")]
    return " ".join(lines)[:500] or "no reason given"


def _environment(repo: HubRepo, folder: Path) -> dict[str, str]:
    """Return the environment for git, with the Hub's user as the author of commits and messages in English."""
    host = urlsplit(repo.hub.endpoint).hostname
    user = {"NAME": repo.hub.user, "EMAIL": f"{repo.hub.user}@users.noreply.{host}"}
    author = {f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in user.items()}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**inherited, **git_environment(folder, git_remote(repo)), **author, "LC_ALL": "C"}
