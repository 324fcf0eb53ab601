"""Merging a pull request into main."""

from __future__ import annotations

from hfver.server.git.pack import StagedObjects
from hfver.server.git.refs import MAIN, RefMovedError, update_ref, write_lock
from hfver.server.http.repo_context import RepoContext
from hfver.server.problems import Problem, conflict
from hfver.server.proposals.lookup import find_discussion, find_row
from hfver.server.proposals.merge_commit import merge_sides, write_merge
from hfver.server.storage.discussions import Discussion

_MAX_ATTEMPTS = 100


def merge_pull_request(context: RepoContext, staged: StagedObjects, number: int) -> str:
    """Merge a pull request into main, and return the commit that main is at then.

    Main moves by compare-and-swap: a commit that gets there first is merged with, and never lost.

    Raises:
        Problem: 409 for conflicts, and for a draft or a pull request that is closed or merged; 400 for a discussion.
    """
    find_discussion(context, number)  # may take the write lock itself, so it comes before
    with write_lock(staged.git):
        for _ in range(_MAX_ATTEMPTS):
            pull = find_row(context, number)
            _check_mergeable(pull)
            try:
                return _merge_once(context, staged, pull)
            except RefMovedError:
                continue
    raise conflict("main keeps moving; try again")


def _check_mergeable(pull: Discussion) -> None:
    if not pull.is_pull_request:
        raise Problem(400, f"Discussion {pull.number} is not a pull request")
    if pull.status == "draft":
        raise conflict(f"Pull request {pull.number} is a draft: publish it (change its status to open) first")
    if pull.status != "open":
        raise conflict(f"Pull request {pull.number} is {pull.status}")


def _merge_once(context: RepoContext, staged: StagedObjects, pull: Discussion) -> str:
    git, discussions = staged.git, context.server.discussions
    sides = merge_sides(git, pull)
    if sides is None:
        raise conflict(f"{pull.ref} does not exist any more, or its commit is damaged")
    commit = write_merge(git, pull, sides, context.user)
    staged.publish()
    base = str(sides.base.id) if sides.base is not None else ""
    # First, so that a crash after main has moved can be recognized as a merge.
    discussions.record_merge(context.row.number, pull.number, context.user, str(commit), base)
    update_ref(git, MAIN, sides.main.id, commit)
    discussions.change_status(context.row.number, pull, "merged", context.user)
    return str(commit)
