"""Discussions and pull requests.

Users who may read a repo may open discussions and comment; users who may write to it may also merge pull requests, and
close what others opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hfver.server.auth import check_files, check_write
from hfver.server.git.pack import combine_packs, stage_objects
from hfver.server.http.repo_context import RepoContext, repo_context
from hfver.server.http.requests import base_url, flag, json_endpoint, text_field
from hfver.server.problems import Problem, bad_request, conflict, forbidden
from hfver.server.proposals.create import open_discussion, open_pull_request
from hfver.server.proposals.lookup import MAX_TITLE, find_discussion, repair_rows
from hfver.server.proposals.merge import merge_pull_request
from hfver.server.proposals.merge_commit import conflicts_of, diff_of, merge_sides
from hfver.server.proposals.view import describe_changes, describe_discussion, describe_event, timeline
from hfver.server.responses import json_response
from hfver.server.routes.paths import API
from hfver.server.storage.discussions import (
    OPEN_STATUSES,
    Discussion,
    DiscussionEvent,
    DiscussionFilter,
    comment_data,
)

_PAGE = 50
_MIN_TITLE = 3
_MAX_TEXT = 64 * 1024
_TYPES = {"all": None, "discussion": False, "pull_request": True}
_STATUSES = {
    "all": None,
    "open": OPEN_STATUSES,
    "closed": ("closed", "merged"),
    "draft": ("draft",),
    "merged": ("merged",),
}
_NUMBER = re.compile(r"[0-9]{1,9}")
_EVENT_ID = re.compile(r"[0-9a-f]{24}")


def listing(request: Request) -> Response:
    """List discussions and pull requests, newest first, in pages."""
    query = request.query_params
    selected = DiscussionFilter(
        _choice(_TYPES, query.get("type", "all"), "type"),
        _choice(_STATUSES, query.get("status", "all"), "status"),
        query.get("author"),
    )
    start = _number(query.get("p", "0"), "page") * _PAGE
    with repo_context(request) as context:
        repair_rows(context)
        found, total = context.server.discussions.page(context.row.number, selected, start, _PAGE)
        items = [describe_discussion(one, context.row) for one in found]
    return json_response({"discussions": items, "count": total, "start": start})


def _choice(allowed: dict[str, Any], text: str, name: str) -> Any:
    if text not in allowed:
        raise bad_request(f'"{name}" must be one of: {", ".join(allowed)}')
    return allowed[text]


def _number(text: str, name: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise bad_request(f"Invalid {name}")
    return int(text)


def create(request: Request, fields: dict[str, Any]) -> Response:
    """Open a discussion, or a pull request as a draft."""
    title, text = _title(fields), _text(fields, "description", required=False)
    with repo_context(request, "propose") as context:
        is_pull = fields.get("pullRequest") is True
        number = (open_pull_request if is_pull else open_discussion)(context, title, text)
        url = f"{base_url(request)}/{context.row.repo.page}/discussions/{number}"
    return json_response({"num": number, "url": url, **({"pullRequest": True} if is_pull else {})})


def _title(fields: dict[str, Any]) -> str:
    title = _text(fields, "title").strip()
    if not _MIN_TITLE <= len(title) <= MAX_TITLE or not title.isprintable():
        raise bad_request(f"A title must have {_MIN_TITLE} to {MAX_TITLE} characters, in one line")
    return title


def _text(fields: dict[str, Any], name: str, *, required: bool = True) -> str:
    text = text_field(fields, name, None if required else "")
    if required and not text.strip():
        raise bad_request(f'"{name}" must not be empty')
    if len(text) > _MAX_TEXT:
        raise Problem(413, f'"{name}" may have at most {_MAX_TEXT} characters')
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise bad_request(f'"{name}" is not valid text') from error
    return text


def details(request: Request) -> Response:
    """Describe a discussion with all its events, and a pull request also with its diff and conflicts."""
    with repo_context(request) as context:
        found = _find(request, context)
        answer = describe_discussion(found, context.row)
        events = context.server.discussions.events(context.row.number, found.number)
        sides = merge_sides(context.git, found) if found.is_pull_request else None
        answer["events"] = timeline(context.git, events, sides)
        if found.is_pull_request:
            answer |= {"changes": describe_changes(found), "filesWithConflicts": _conflicts(context, found)}
        if sides is not None and flag(request, "diff") and _may_see_files(context):
            answer["diff"] = diff_of(sides)
    return json_response(answer)


def _find(request: Request, context: RepoContext) -> Discussion:
    return find_discussion(context, _number(request.path_params["number"], "number"))


def _conflicts(context: RepoContext, found: Discussion) -> list[str]:
    if found.status == "merged":
        return []
    with stage_objects(context.server.folder, context.git) as staged:
        sides = merge_sides(staged.git, found)
        return conflicts_of(staged.git, sides) if sides is not None else []


def _may_see_files(context: RepoContext) -> bool:
    try:
        check_files(context.caller, context.row)
    except Problem:
        return False
    return True


@contextmanager
def _participation(request: Request) -> Iterator[tuple[RepoContext, Discussion]]:
    """Open the discussion in the path for a user who may comment on it."""
    with repo_context(request, "propose") as context:
        yield context, _find(request, context)


def _check_author(context: RepoContext, author: str, action: str) -> None:
    """Require that the caller is the author, or may write to the repo.

    Raises:
        Problem: 403.
    """
    if not context.caller.is_user(author) and not context.caller.owns(context.row.repo.namespace):
        raise forbidden(f"You don't have the rights to {action}")


def _comment(context: RepoContext, found: Discussion, text: str) -> DiscussionEvent:
    return context.server.discussions.add_comment(context.row.number, found.number, context.user, text)


def add_comment(request: Request, fields: dict[str, Any]) -> Response:
    """Add a comment."""
    text = _text(fields, "comment")
    with _participation(request) as (context, found):
        return json_response({"newMessage": describe_event(_comment(context, found, text))})


def edit_comment(request: Request, fields: dict[str, Any]) -> Response:
    """Change the caller's own comment; earlier versions are kept."""
    text = _text(fields, "content")
    with _participation(request) as (context, found):
        event = _find_comment(request, context, found)
        if not context.caller.is_user(event.author):
            raise forbidden("Only its author can edit a comment")
        user = context.user
        edited = context.server.discussions.edit_comment(event, lambda data: _edited(data, text, user))
        return json_response({"updatedComment": describe_event(edited)})


def _edited(data: Mapping[str, Any], text: str, editor: str) -> dict[str, Any]:
    if data["hidden"]:
        raise conflict("A hidden comment cannot be edited")
    earlier = {"raw": data["raw"], "updatedAt": data["updated"]}
    return {**comment_data(text), "editor": editor, "history": [*data["history"], earlier]}


def hide_comment(request: Request, fields: dict[str, Any]) -> Response:  # noqa: ARG001
    """Hide a comment permanently: its text is deleted."""
    with _participation(request) as (context, found):
        event = _find_comment(request, context, found)
        _check_author(context, event.author, "hide this comment")
        hidden = {**comment_data(""), "hidden": True, "editor": context.user}
        edited = context.server.discussions.edit_comment(event, lambda _: hidden)
        return json_response({"updatedComment": describe_event(edited)})


def _find_comment(request: Request, context: RepoContext, found: Discussion) -> DiscussionEvent:
    event_id = request.path_params["event"].lower()
    event = None
    if _EVENT_ID.fullmatch(event_id):
        event = context.server.discussions.event(context.row.number, found.number, event_id)
    if event is None or event.kind != "comment":
        raise Problem(404, "This comment does not exist")
    return event


def change_title(request: Request, fields: dict[str, Any]) -> Response:
    """Change the title."""
    title = _title(fields)
    with _participation(request) as (context, found):
        _check_author(context, found.author, "rename this discussion")
        event = context.server.discussions.change_title(context.row.number, found, title, context.user)
        return json_response({"newTitle": describe_event(event)})


def change_status(request: Request, fields: dict[str, Any]) -> Response:
    """Close a discussion, reopen it, or publish a draft."""
    status, text = text_field(fields, "status"), _text(fields, "comment", required=False)
    if status not in ("open", "closed"):
        raise bad_request('"status" must be open or closed')
    with _participation(request) as (context, found):
        _check_author(context, found.author, "change the status of this discussion")
        if found.status in ("merged", status):
            raise conflict(f"The status is already {found.status}")
        event = context.server.discussions.change_status(context.row.number, found, status, context.user)
        if event is None:
            raise conflict("The status was changed in the meantime; refresh and try again")
        if text.strip():
            _comment(context, found, text)
        return json_response({"newStatus": describe_event(event)})


def merge(request: Request, fields: dict[str, Any]) -> Response:
    """Merge a pull request into main."""
    text = _text(fields, "comment", required=False)
    with _participation(request) as (context, found):
        check_write(context.caller, context.row)
        with stage_objects(context.server.folder, context.git) as staged:
            commit = merge_pull_request(context, staged, found.number)
            if text.strip():
                _comment(context, found, text)
        combine_packs(context.git)
        return json_response({"success": True, "mergeCommitId": commit})


_ONE = f"{API}/discussions/{{number}}"
ROUTES = [
    Route(f"{API}/discussions", listing),
    Route(f"{API}/discussions", json_endpoint(create), methods=["POST"]),
    Route(_ONE, details),
    Route(f"{_ONE}/comment", json_endpoint(add_comment), methods=["POST"]),
    Route(f"{_ONE}/comment/{{event}}/edit", json_endpoint(edit_comment), methods=["POST"]),
    Route(f"{_ONE}/comment/{{event}}/hide", json_endpoint(hide_comment), methods=["POST"]),
    Route(f"{_ONE}/title", json_endpoint(change_title), methods=["POST"]),
    Route(f"{_ONE}/status", json_endpoint(change_status), methods=["POST"]),
    Route(f"{_ONE}/merge", json_endpoint(merge), methods=["POST"]),
]
