"""Reading history: lists of commits, and the last commit of each path."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import partial
from io import BufferedReader
from itertools import islice

import pygit2
from pygit2.enums import SortMode

from hfver.server.git.program import GIT, git_environment
from hfver.server.problems import unprocessable
from hfver.server.responses import hub_date


def title_of(commit: pygit2.Commit) -> str:
    """Return the first line of a commit's message."""
    return commit.message.split("\n", 1)[0]


def message_of(commit: pygit2.Commit) -> str:
    """Return a commit's message without its first line."""
    return commit.message.partition("\n")[2].strip()


def describe_commit(commit: pygit2.Commit) -> dict[str, object]:
    """Describe a commit in the format of the commits endpoint."""
    return {
        "id": str(commit.id),
        "title": title_of(commit),
        "message": message_of(commit),
        "authors": [{"user": commit.author.name or "unknown"}],  # git accepts an empty name
        "date": hub_date(commit.commit_time),
    }


def walk_commits(
    git: pygit2.Repository, head: pygit2.Commit, order: SortMode, hide: pygit2.Commit | None = None
) -> Iterator[pygit2.Commit]:
    """Yield a commit and its ancestors, except those that `hide` has too.

    Raises:
        Problem: 422 if a commit in it is damaged. Pushes are checked, so it was written into the folder by hand.
    """
    try:
        walker = git.walk(head.id, order)
        if hide is not None:
            walker.hide(hide.id)
        yield from walker
    except (KeyError, ValueError, pygit2.GitError) as error:
        raise unprocessable(f"The history of {head.id} contains a damaged commit") from error


def list_commits(git: pygit2.Repository, head: pygit2.Commit, start: int, count: int) -> list[pygit2.Commit]:
    """List a page of the history, newest first.

    Raises:
        Problem: 422 if a commit in it is damaged.
    """
    return list(islice(walk_commits(git, head, SortMode.TOPOLOGICAL | SortMode.TIME), start, start + count))


def last_commits(git: pygit2.Repository, head: pygit2.Commit, paths: list[str]) -> dict[str, dict[str, object]]:
    """Find the last commit that changed each path, in one pass over the history.

    The pass ends as soon as every path is found, so the cost of a page depends on its oldest file.
    """
    missing, found = set(paths), dict[str, dict[str, object]]()
    for commit_id, changed in _changes(git, head):
        hits = {path for path in _with_parents(changed) if path in missing}
        if hits:
            commit = git[commit_id]
            assert isinstance(commit, pygit2.Commit)  # noqa: S101
            last = {"id": commit_id, "title": title_of(commit), "date": hub_date(commit.commit_time)}
            found.update(dict.fromkeys(hits, last))
            missing -= hits
        if not missing:
            break
    return found


def _with_parents(changed: list[str]) -> set[str]:
    """Add the folders of changed files, because they changed too."""
    paths = set(changed)
    for path in changed:
        while "/" in path:
            path = path.rpartition("/")[0]
            paths.add(path)
    return paths


def _changes(git: pygit2.Repository, head: pygit2.Commit) -> Iterator[tuple[str, list[str]]]:
    """Yield (commit, changed paths) from ``git log``, newest first, along first parents."""
    # git finds changed paths much faster than libgit2 does commit by commit. -m shows what a merge brought to its
    # first parent, and the byte 1 marks the lines with commit ids.
    command = [GIT, "log", "-z", "-m", "--first-parent", "--root", "--no-renames", "--name-only"]
    command += ["--format=%x01%H", str(head.id), "--"]
    with subprocess.Popen(
        command, cwd=git.path, env=git_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert isinstance(process.stdout, BufferedReader)  # noqa: S101
            yield from _parse_log(iter(partial(process.stdout.read1, 65536), b""))
        finally:
            process.kill()  # the caller may have stopped before the end


def _parse_log(blocks: Iterator[bytes]) -> Iterator[tuple[str, list[str]]]:
    commit, changed, rest = "", list[str](), b""
    for block in blocks:
        *parts, rest = (rest + block).split(b"\0")
        for part in parts:
            text = part.lstrip(b"\n")
            if text.startswith(b"\1"):
                if commit:
                    yield commit, changed
                commit, changed = text[1:41].decode(), []
            elif text:
                changed.append(text.decode("utf-8", "replace"))
    if commit:
        yield commit, changed
