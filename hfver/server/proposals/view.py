"""Discussions and pull requests in the format of the API."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

import pygit2

from hfver.server.git.history import title_of
from hfver.server.git.refs import MAIN
from hfver.server.proposals.merge_commit import MergeSides, commits_of
from hfver.server.responses import hub_date
from hfver.server.storage.database import RepoRow
from hfver.server.storage.discussions import Discussion, DiscussionEvent

HIDDEN = "This comment has been hidden"


def describe_discussion(discussion: Discussion, row: RepoRow) -> dict[str, object]:
    """Describe a discussion in the format of lists."""
    return {
        "num": discussion.number,
        "title": discussion.title,
        "author": _person(discussion.author),
        "createdAt": hub_date(discussion.created),
        "status": discussion.status,
        "isPullRequest": discussion.is_pull_request,
        "repo": {"name": row.repo.id, "type": row.repo.kind[:-1]},
    }


def describe_changes(discussion: Discussion) -> dict[str, object]:
    """Describe the branch that a pull request is for, and the commit that it became there."""
    merged = {"mergeCommitId": discussion.merge_commit} if discussion.status == "merged" else {}
    return {"base": MAIN, **merged}


def describe_event(event: DiscussionEvent) -> dict[str, object]:
    """Describe an event."""
    data = _comment(event) if event.kind == "comment" else dict(event.data)
    return _event(event.id, event.kind, event.author, event.created, data)


def timeline(
    git: pygit2.Repository, events: Iterable[DiscussionEvent], sides: MergeSides | None
) -> list[dict[str, object]]:
    """Merge events and commits in the order of their dates; the description stays first.

    Dates in git are whole seconds, so a commit is sorted before the events of the same second.
    """
    described = [(event.created, describe_event(event)) for event in events]
    commits = commits_of(git, sides) if sides is not None else []
    items = [(float(one.commit_time), _commit(one)) for one in commits]
    ordered = sorted([*items, *described[1:]], key=lambda item: item[0])
    return [item for _, item in [*described[:1], *ordered]]


def _commit(commit: pygit2.Commit) -> dict[str, object]:
    data = {"subject": title_of(commit), "oid": str(commit.id)}
    return _event(str(commit.id)[:24], "commit", commit.author.name or "unknown", commit.commit_time, data)


def _event(event_id: str, kind: str, author: str, created: float, data: Mapping[str, Any]) -> dict[str, object]:
    return {"id": event_id, "type": kind, "author": _person(author), "createdAt": hub_date(created), "data": data}


def _comment(event: DiscussionEvent) -> dict[str, object]:
    """Describe a comment: its Markdown as it is, and the same text escaped in place of rendered HTML."""
    data = event.data
    raw = HIDDEN if data["hidden"] else str(data["raw"])
    latest = {
        "raw": raw,
        "html": f"<p>{html.escape(raw)}</p>",
        "updatedAt": hub_date(data["updated"]),
        "author": _person(str(data["editor"]) or event.author),
    }
    history = [{**one, "updatedAt": hub_date(one["updatedAt"])} for one in data["history"]]
    edits = {"edited": bool(history), "hidden": data["hidden"], "numEdits": len(history), "history": history}
    return {**edits, "latest": latest}


def _person(name: str) -> dict[str, str]:
    return {"name": name, "fullname": name, "type": "user"}
