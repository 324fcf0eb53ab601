"""Push: move a pull request to a commit that is on the Hub already.

The commit API can only add to a ref. To let a pull request follow ``main``, its next commit must also be a child of
a commit that is not on it: that is a merge, and only git writes merges. No content moves: what is pushed is one
commit at most, whose files the Hub has.
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
from hfver.hub.git.clone import git_environment, git_remote

__all__ = ["advance"]

DEPTH = 3
"""Commits fetched of each side: a candidate, the one before it, and main."""
_SECONDS = 300
_REJECTED = ("[rejected]", "[remote rejected]", "fetch first", "non-fast-forward")


def advance(repo: HubRepo, ref: str, branch: str, new: str, message: str) -> str:
    """Move a pull request's ref to the head of a branch, on top of where it is; returns where it is then.

    If the branch does not go on from the ref, a merge of both is made, which holds exactly the branch's files.

    Args:
        repo: The repo.
        ref: The pull request's ref.
        branch: The branch.
        new: The commit that the branch must be at.
        message: What a merge says.

    Raises:
        Conflict: Somebody else pushed to it meanwhile, or took the branch.
        UsageError: There is no git program.
        HubError: The Hub did not let git fetch or push.
    """
    with tempfile.TemporaryDirectory(prefix="hfver-") as folder:
        git = _Git(repo, Path(folder))
        git("init", "--quiet", "--bare", "--template=", folder)
        specs = [f"+{ref}:refs/hfver/old", f"+refs/heads/{branch}:refs/hfver/new"]
        _fetch(git, repo, specs)
        old, found = (git("rev-parse", f"refs/hfver/{name}").strip() for name in ("old", "new"))
        if found != new:
            raise _taken(repo, branch)
        if old == new:
            return new
        target = new if _goes_on(git, old, new) else _merge(git, old, new, message)
        try:
            git("push", "--quiet", "origin", f"{target}:{ref}")
        except HubError as error:
            _explain(repo, error, ref=ref, target=target, branch=branch, new=new)
    return target


def _fetch(git: _Git, repo: HubRepo, specs: list[str]) -> None:
    try:
        git("fetch", "--quiet", "--no-tags", f"--depth={DEPTH}", "--filter=blob:none", "origin", *specs)
    except HubError as error:
        if "couldn't find remote ref refs/heads/" in error.message:
            raise _taken(repo, specs[1].partition(":")[0].removeprefix("+refs/heads/")) from None
        raise


def _taken(repo: HubRepo, branch: str) -> Conflict:
    return Conflict(
        f"{repo}: branch {branch} was taken away; the same content is being released elsewhere.",
        "Wait for it to finish, then run the command again.",
    )


def _goes_on(git: _Git, old: str, new: str) -> bool:
    return old in git("rev-list", f"--max-count={DEPTH}", new).split()


def _merge(git: _Git, old: str, new: str, message: str) -> str:
    tree = git("rev-parse", f"{new}^{{tree}}").strip()
    return git("commit-tree", tree, "-p", old, "-p", new, "-m", message).strip()


def _explain(repo: HubRepo, error: HubError, *, ref: str, target: str, branch: str, new: str) -> None:
    """Look why a push failed; one whose commit arrived all the same was only a lost answer."""
    refs = repo.refs()
    if refs.pull_requests.get(int(ref.rpartition("/")[2])) == target:
        return
    if refs.branches.get(branch) != new:  # then git would have to send what it has never fetched
        raise _taken(repo, branch) from None
    if any(sign in error.message for sign in _REJECTED):
        raise Conflict(
            f"{repo}: {ref} does not take the release: somebody else pushed to it meanwhile, or it is merged.",
            "Run the same command again.",
        ) from None
    raise error


class _Git:
    """Runs git in a folder of its own, with the Hub's repo as ``origin``."""

    def __init__(self, repo: HubRepo, folder: Path) -> None:
        self._where, self._folder = f"{repo} on {repo.hub.place}", folder
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
                    timeout=_SECONDS,
                    check=False,
                )
        except FileNotFoundError:
            raise UsageError("A review needs the git program.", "Install git: https://git-scm.com") from None
        except subprocess.TimeoutExpired:
            raise HubError(f"git {arguments[0]} of {self._where} took more than {_SECONDS} seconds.") from None
        if done.returncode:
            raise HubError(f"git {arguments[0]} of {self._where} failed: {_last_words(done.stderr)}")
        return done.stdout


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("hint:")]
    return " ".join(lines)[:500] or "no reason given"


def _environment(repo: HubRepo, folder: Path) -> dict[str, str]:
    """Run as `hfver.hub.git.clone` does, and sign as the Hub's user."""
    host = urlsplit(repo.hub.endpoint).hostname
    who = {"NAME": repo.hub.user, "EMAIL": f"{repo.hub.user}@users.noreply.{host}"}
    signed = {f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in who.items()}
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**ours, **git_environment(folder, git_remote(repo)), **signed, "LC_ALL": "C"}
