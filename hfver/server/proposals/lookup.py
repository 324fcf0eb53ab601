"""Finding discussions and pull requests, and repairing what a crash interrupted.

A pull request is written in the order objects, ref, row. So a ref without a row is a pull request as well; it gets its
row when it is looked up. A merge first records which commit it is about to put on main: if main contains the commit,
the merge happened.
"""

from __future__ import annotations

import pygit2

from hfver.server.auth import Caller
from hfver.server.git.history import message_of, title_of
from hfver.server.git.refs import resolve_revision, write_lock
from hfver.server.http.repo_context import RepoContext
from hfver.server.problems import Problem, conflict, forbidden, revision_not_found
from hfver.server.storage.database import RepoRow
from hfver.server.storage.discussions import Discussion

MAX_TITLE = 200
PULLS = "refs/pr/"


def find_discussion(context: RepoContext, number: int) -> Discussion:
    """Look up a discussion or pull request.

    Raises:
        Problem: 404.
    """
    missing = context.server.discussions.find(context.row.number, number) is None
    # The process that made the ref may be about to add the row, or may have crashed before it could.
    if missing and context.git.references.get(f"{PULLS}{number}") is not None:
        add_missing_rows(context)
    return find_row(context, number)


def find_row(context: RepoContext, number: int) -> Discussion:
    """Look up a discussion that has a row, and complete its merge if the process that made it crashed.

    Raises:
        Problem: 404.
    """
    found = context.server.discussions.find(context.row.number, number)
    if found is None:
        raise Problem(404, f"Discussion {number} does not exist")
    if _complete_merge(context, found):
        return context.server.discussions.find(context.row.number, number) or found
    return found


def repair_rows(context: RepoContext) -> None:
    """Complete what a crash interrupted in any pull request, so that a list shows each as a lookup would."""
    add_missing_rows(context)
    for pull in context.server.discussions.interrupted_merges(context.row.number):
        _complete_merge(context, pull)


def _complete_merge(context: RepoContext, found: Discussion) -> bool:
    if not _was_merged(context.git, found):
        return False
    context.server.discussions.change_status(context.row.number, found, "merged", found.merger)
    return True


def _was_merged(git: pygit2.Repository, found: Discussion) -> bool:
    """Return whether an open pull request has its recorded merge commit on main."""
    if not found.is_open or not found.merge_commit:
        return False
    main, merged = resolve_revision(git, "main").id, pygit2.Oid(hex=found.merge_commit)
    return merged in git and (main == merged or git.descendant_of(main, merged))


def next_number(context: RepoContext) -> int:
    """Return the number of the next discussion or pull request; the two are counted together."""
    last = context.server.discussions.last_number(context.row.number)
    return max(last, *pull_numbers(context.git), 0) + 1


def pull_numbers(git: pygit2.Repository) -> set[int]:
    """Read the numbers of all pull request refs."""
    names = [name.removeprefix(PULLS) for name in git.references if name.startswith(PULLS)]
    return {int(name) for name in names if name.isascii() and name.isdecimal()}


def add_missing_rows(context: RepoContext) -> None:
    """Add a row for every pull request ref that has none, after a crash or from a version without discussions."""
    if not _without_row(context):
        return
    with write_lock(context.git):  # held from creating the ref until the row is there
        for number in sorted(_without_row(context)):
            _add_row(context, number)


def _without_row(context: RepoContext) -> set[int]:
    known = {pull.number for pull in context.server.discussions.pull_requests(context.row.number)}
    return pull_numbers(context.git) - {0, *known}


def _add_row(context: RepoContext, number: int) -> None:
    try:
        commit = resolve_revision(context.git, f"{PULLS}{number}")
    except Problem:  # the commit is damaged; it must not hide all others
        return
    is_empty = context.git.merge_base(resolve_revision(context.git, "main").id, commit.id) == commit.id
    title = f"Pull request {number}" if is_empty else title_of(commit)[:MAX_TITLE]
    status, text = ("draft", "") if is_empty else ("open", message_of(commit))
    author = commit.author.name or "unknown"
    pull = Discussion(number, title, author, float(commit.commit_time), True, status)
    context.server.discussions.add(context.row.number, pull, text)


def may_push_to(pull: Discussion, caller: Caller, row: RepoRow) -> bool:
    """Return whether a pull request is the caller's own, or in a repo that the caller may write to."""
    return caller.owns(row.repo.namespace) or caller.is_user(pull.author)


def check_push_to(context: RepoContext, ref: str) -> None:
    """Require the right to commit to `ref` if it is a pull request, and that it is not merged yet.

    Raises:
        Problem: 403; 404 if it does not exist; 409 if it is merged.
    """
    number = ref.removeprefix(PULLS)
    if not ref.startswith(PULLS):
        return
    # Only the canonical spelling: refs/pr/01 would be another ref than refs/pr/1.
    if not (number.isascii() and number.isdecimal() and len(number) < 10) or f"{PULLS}{int(number)}" != ref:
        raise revision_not_found(ref)
    pull = find_discussion(context, int(number)) if context.git.references.get(ref) is not None else None
    if pull is None:
        raise revision_not_found(ref)
    if not may_push_to(pull, context.caller, context.row):
        raise forbidden(f"You don't have the rights to add to {ref}")
    if pull.status == "merged":
        raise conflict(f"Pull request {number} is merged: open another one")
