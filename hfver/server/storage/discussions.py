"""Discussions and pull requests: what people wrote, stored in SQLite beside the users.

A pull request's commits are not stored here: they are those of ``refs/pr/N``. A row has its author, title and status,
and, once it is being merged, the commit that it becomes on main.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hfver.server.problems import repo_not_found
from hfver.server.storage.database import Database

OPEN_STATUSES = ("draft", "open")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS discussions (
    repo INTEGER NOT NULL REFERENCES repos(id) ON DELETE CASCADE, number INTEGER NOT NULL,
    title TEXT NOT NULL, author TEXT NOT NULL, created REAL NOT NULL, is_pull INTEGER NOT NULL,
    status TEXT NOT NULL, merger TEXT NOT NULL DEFAULT '', merge_commit TEXT NOT NULL DEFAULT '',
    merge_base TEXT NOT NULL DEFAULT '', PRIMARY KEY (repo, number));
CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, repo INTEGER NOT NULL,
    number INTEGER NOT NULL, kind TEXT NOT NULL, author TEXT NOT NULL, created REAL NOT NULL, data TEXT NOT NULL,
    FOREIGN KEY (repo, number) REFERENCES discussions(repo, number) ON DELETE CASCADE);
CREATE INDEX IF NOT EXISTS events_of ON events (repo, number, position);
"""
_COLUMNS = "number, title, author, created, is_pull, status, merger, merge_commit, merge_base"
_EVENT_COLUMNS = "id, kind, author, created, data"


@dataclass(frozen=True)
class Discussion:
    """A discussion, or a pull request if `is_pull_request`. The status is draft, open, closed or merged."""

    number: int
    title: str
    author: str
    created: float
    is_pull_request: bool
    status: str
    merger: str = ""
    """The user who started to merge it."""
    merge_commit: str = ""
    """The commit that it became on main, or is about to become."""
    merge_base: str = ""
    """The merge base at the time of the merge; afterwards it cannot be computed from main any more."""

    @property
    def ref(self) -> str:
        """The git ref of a pull request."""
        return f"refs/pr/{self.number}"

    @property
    def is_open(self) -> bool:
        """Whether it is neither closed nor merged; a draft counts as open."""
        return self.status in OPEN_STATUSES


@dataclass(frozen=True)
class DiscussionEvent:
    """Something that a user did. The kind is comment, status-change or title-change; `data` depends on it."""

    id: str
    kind: str
    author: str
    created: float
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DiscussionFilter:
    """Which discussions of a repo to list; None applies no filter."""

    is_pull_request: bool | None = None
    statuses: Sequence[str] | None = None
    author: str | None = None


class DiscussionStore:
    """The discussions of all repos, by the repo's number."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.transaction() as db:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)

    def find(self, repo: int, number: int) -> Discussion | None:
        """Look up a discussion."""
        query = f"SELECT {_COLUMNS} FROM discussions WHERE repo = ? AND number = ?"  # noqa: S608
        rows = self._database.read(query, repo, number)
        return _discussion(rows[0]) if rows else None

    def page(self, repo: int, wanted: DiscussionFilter, start: int, count: int) -> tuple[list[Discussion], int]:
        """List a page, newest first, and count all discussions that match."""
        where, values = _where(repo, wanted)
        query = f"SELECT {_COLUMNS} FROM discussions WHERE {where} ORDER BY number DESC LIMIT ? OFFSET ?"  # noqa: S608
        rows = self._database.read(query, *values, count, start)
        ((total,),) = self._database.read(f"SELECT count(*) FROM discussions WHERE {where}", *values)  # noqa: S608
        return [_discussion(row) for row in rows], int(str(total))

    def pull_requests(self, repo: int) -> list[Discussion]:
        """List all pull requests, newest first."""
        return self.page(repo, DiscussionFilter(is_pull_request=True), 0, -1)[0]

    def interrupted_merges(self, repo: int) -> list[Discussion]:
        """List the open pull requests for which a merge commit is recorded: their merge was refused, or interrupted."""
        wanted = DiscussionFilter(is_pull_request=True, statuses=OPEN_STATUSES)
        return [pull for pull in self.page(repo, wanted, 0, -1)[0] if pull.merge_commit]

    def last_number(self, repo: int) -> int:
        """Return the highest number in use; 0 if there is none."""
        ((number,),) = self._database.read("SELECT max(number) FROM discussions WHERE repo = ?", repo)
        return int(str(number or 0))

    def events(self, repo: int, number: int) -> list[DiscussionEvent]:
        """List the events of a discussion, oldest first."""
        query = f"SELECT {_EVENT_COLUMNS} FROM events WHERE repo = ? AND number = ? ORDER BY position"  # noqa: S608
        return [_event(row) for row in self._database.read(query, repo, number)]

    def event(self, repo: int, number: int, event_id: str) -> DiscussionEvent | None:
        """Look up an event."""
        query = f"SELECT {_EVENT_COLUMNS} FROM events WHERE id = ? AND repo = ? AND number = ?"  # noqa: S608
        rows = self._database.read(query, event_id, repo, number)
        return _event(rows[0]) if rows else None

    def add(self, repo: int, discussion: Discussion, text: str) -> None:
        """Add a discussion with its first comment, unless its number is taken."""
        facts = (discussion.number, discussion.title, discussion.author, discussion.created)
        with self._writing() as db:
            # Two requests may find the same ref without a row. The first one adds it, the other changes nothing.
            done = db.execute(
                "INSERT OR IGNORE INTO discussions (repo, number, title, author, created, is_pull, status) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (repo, *facts, discussion.is_pull_request, discussion.status),
            )
            if done.rowcount:
                first = _new("comment", discussion.author, comment_data(text), discussion.created)
                _insert(db, repo, discussion.number, first)

    def add_comment(self, repo: int, number: int, author: str, text: str) -> DiscussionEvent:
        """Add a comment to a discussion."""
        event = _new("comment", author, comment_data(text))
        with self._writing() as db:
            _insert(db, repo, number, event)
        return event

    def change_title(self, repo: int, discussion: Discussion, title: str, author: str) -> DiscussionEvent:
        """Change the title of a discussion."""
        event = _new("title-change", author, {"from": discussion.title, "to": title})
        with self._writing() as db:
            db.execute(
                "UPDATE discussions SET title = ? WHERE repo = ? AND number = ?", (title, repo, discussion.number)
            )
            _insert(db, repo, discussion.number, event)
        return event

    def change_status(self, repo: int, discussion: Discussion, status: str, author: str) -> DiscussionEvent | None:
        """Change the status; None if it is no longer the one that `discussion` was read with."""
        event = _new("status-change", author, {"status": status})
        with self._writing() as db:
            # The old status is part of the condition, so that only one of several concurrent requests succeeds.
            done = db.execute(
                "UPDATE discussions SET status = ? WHERE repo = ? AND number = ? AND status = ?",
                (status, repo, discussion.number, discussion.status),
            )
            if done.rowcount:
                _insert(db, repo, discussion.number, event)
        return event if done.rowcount else None

    def record_merge(self, repo: int, number: int, merger: str, commit: str, base: str) -> None:
        """Record the commit that is about to become main, so that it is clear after a crash whether it did."""
        with self._writing() as db:
            db.execute(
                "UPDATE discussions SET merger = ?, merge_commit = ?, merge_base = ? WHERE repo = ? AND number = ?",
                (merger, commit, base, repo, number),
            )

    def edit_comment(
        self, event: DiscussionEvent, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> DiscussionEvent:
        """Replace a comment's data by what `change` returns for it; concurrent edits are applied one after another."""
        with self._writing() as db:
            rows = db.execute(f"SELECT {_EVENT_COLUMNS} FROM events WHERE id = ?", (event.id,)).fetchall()  # noqa: S608
            if not rows:
                raise repo_not_found(anonymous=False)  # deleted in the meantime
            data = change(_event(rows[0]).data)
            db.execute("UPDATE events SET data = ? WHERE id = ?", (_dump(data), event.id))
        return DiscussionEvent(event.id, event.kind, event.author, event.created, data)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._database.transaction() as db:
                yield db
        except sqlite3.IntegrityError as error:
            raise repo_not_found(anonymous=False) from error  # deleted in the meantime


def comment_data(text: str) -> dict[str, Any]:
    """Build the data of a new comment."""
    # `history` keeps the earlier texts, which the API returns; hiding a comment deletes them.
    return {"raw": text, "hidden": False, "updated": time.time(), "editor": "", "history": []}


def _where(repo: int, wanted: DiscussionFilter) -> tuple[str, list[object]]:
    parts, values = ["repo = ?"], [repo]  # type: tuple[list[str], list[object]]
    if wanted.is_pull_request is not None:
        parts.append("is_pull = ?")
        values.append(wanted.is_pull_request)
    if wanted.statuses is not None:
        parts.append(f"status IN ({', '.join('?' * len(wanted.statuses))})")
        values.extend(wanted.statuses)
    if wanted.author is not None:
        parts.append("author = ? COLLATE NOCASE")
        values.append(wanted.author)
    return " AND ".join(parts), values


def _new(kind: str, author: str, data: Mapping[str, Any], created: float | None = None) -> DiscussionEvent:
    return DiscussionEvent(secrets.token_hex(12), kind, author, time.time() if created is None else created, data)


def _insert(db: sqlite3.Connection, repo: int, number: int, event: DiscussionEvent) -> None:
    values = (event.id, repo, number, event.kind, event.author, event.created, _dump(event.data))
    db.execute(
        "INSERT INTO events (id, repo, number, kind, author, created, data) VALUES (?, ?, ?, ?, ?, ?, ?)", values
    )


def _dump(data: Mapping[str, Any]) -> str:
    return json.dumps(data, sort_keys=True)


def _discussion(row: Sequence[Any]) -> Discussion:
    number, title, author, created, is_pull, status, *merge = row
    return Discussion(number, title, author, created, bool(is_pull), status, *merge)


def _event(row: Sequence[Any]) -> DiscussionEvent:
    event_id, kind, author, created, data = row
    return DiscussionEvent(event_id, kind, author, created, json.loads(data))
