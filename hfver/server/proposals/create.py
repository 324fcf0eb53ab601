"""Opening discussions and pull requests. The order of writing is objects, ref, row; see `lookup`."""

from __future__ import annotations

import time

import pygit2

from hfver.server.git.commit import NewCommit, write_commit
from hfver.server.git.pack import StagedObjects
from hfver.server.git.refs import resolve_revision, update_ref, write_lock
from hfver.server.http.repo_context import RepoContext
from hfver.server.proposals.lookup import MAX_TITLE, PULLS, next_number
from hfver.server.storage.discussions import Discussion


def open_discussion(context: RepoContext, title: str, text: str) -> int:
    """Open a discussion, and return its number."""
    with write_lock(context.git):
        number = next_number(context)
        _add(context, Discussion(number, title, context.user, time.time(), False, "open"), text)
    return number


def open_pull_request(context: RepoContext, title: str, text: str) -> int:
    """Open a pull request without commits, as a draft whose ref starts at main; return its number."""
    with write_lock(context.git):
        number = next_number(context)
        update_ref(context.git, f"{PULLS}{number}", None, resolve_revision(context.git, "main").id)
        _add(context, Discussion(number, title, context.user, time.time(), True, "draft"), text)
    return number


def open_pull_request_with(
    context: RepoContext, staged: StagedObjects, base: pygit2.Commit, new: NewCommit
) -> tuple[int, str]:
    """Commit onto `base` as a new pull request, open for review; return its number and the commit's id."""
    title, _, text = new.message.partition("\n")
    with write_lock(staged.git):
        commit = write_commit(staged.git, base, new)
        staged.publish()
        number = next_number(context)
        update_ref(staged.git, f"{PULLS}{number}", None, commit)
        pull = Discussion(number, title[:MAX_TITLE], context.user, time.time(), True, "open")
        _add(context, pull, text.strip())
    return number, str(commit)


def _add(context: RepoContext, discussion: Discussion, text: str) -> None:
    context.server.discussions.add(context.row.number, discussion, text)
