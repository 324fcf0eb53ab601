"""Discussions as clients read them."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

import pygit2

from hfver.server.git.history import title_of
from hfver.server.git.repository import MAIN
from hfver.server.proposals.merge import Sides, commits_of
from hfver.server.responses import hub_date
from hfver.server.storage.database import RepoRow
from hfver.server.storage.discussions import Discussion, Event

HIDDEN = "This comment has been hidden"


def describe_discussion(discussion: Discussion, row: RepoRow) -> dict[str, object]:
    """Describe a discussion as lists do."""
    return {
        "num": discussion.number,
        "title": discussion.title,
        "author": _person(discussion.author),
        "createdAt": hub_date(discussion.created),
        "status": discussion.status,
        "isPullRequest": discussion.is_pull,
        "repo": {"name": row.repo.id, "type": row.repo.kind[:-1]},
    }


def describe_changes(discussion: Discussion) -> dict[str, object]:
    """Say where a pull request goes, and what it became there."""
    merged = {"mergeCommitId": discussion.merge_commit} if discussion.status == "merged" else {}
    return {"base": MAIN, **merged}


def describe_event(event: Event) -> dict[str, object]:
    """Describe what somebody did."""
    data = _comment(event) if event.kind == "comment" else dict(event.data)
    return _event(event.id, event.kind, event.author, event.created, data)


def timeline(git: pygit2.Repository, events: Iterable[Event], sides: Sides | None) -> list[dict[str, object]]:
    """Put events and commits in order; the description stays the first.

    Git counts whole seconds, so a commit comes before what happened in the second in which it was made.
    """
    told = [(event.created, describe_event(event)) for event in events]
    commits = commits_of(git, sides) if sides is not None else []
    items = [(float(one.commit_time), _commit(one)) for one in commits]
    ordered = sorted([*items, *told[1:]], key=lambda item: item[0])
    return [item for _, item in [*told[:1], *ordered]]


def _commit(commit: pygit2.Commit) -> dict[str, object]:
    data = {"subject": title_of(commit), "oid": str(commit.id)}
    return _event(str(commit.id)[:24], "commit", commit.author.name or "unknown", commit.commit_time, data)


def _event(event_id: str, kind: str, author: str, created: float, data: Mapping[str, Any]) -> dict[str, object]:
    return {"id": event_id, "type": kind, "author": _person(author), "createdAt": hub_date(created), "data": data}


def _comment(event: Event) -> dict[str, object]:
    """Describe a comment. Its markdown is kept raw; the HTML is the same text made harmless."""
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
