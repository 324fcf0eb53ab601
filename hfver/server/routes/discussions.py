"""Discussions and pull requests.

Whoever may read a repo may speak; whoever may write it may merge, and close what others opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hfver.server.access import check_files, check_write
from hfver.server.git.pack import Draft, drafting, tidy
from hfver.server.http.requests import Visit, base_url, flag, takes_json, text_field, visit
from hfver.server.problems import Problem, bad_request, conflict, forbidden
from hfver.server.proposals.merge import conflicts_of, diff_of, sides_of
from hfver.server.proposals.propose import MAX_TITLE, adopt_strays, look_up, merge, open_discussion, open_pull
from hfver.server.proposals.view import describe_changes, describe_discussion, describe_event, timeline
from hfver.server.responses import json_response
from hfver.server.routes.paths import API
from hfver.server.storage.discussions import UNDER_WAY, Discussion, Event, Wanted, comment

_PAGE = 50
_MIN_TITLE = 3
_MAX_TEXT = 64 * 1024
_TYPES = {"all": None, "discussion": False, "pull_request": True}
_STATUSES = {"all": None, "open": UNDER_WAY, "closed": ("closed", "merged"), "draft": ("draft",), "merged": ("merged",)}
_NUMBER = re.compile(r"[0-9]{1,9}")
_EVENT_ID = re.compile(r"[0-9a-f]{24}")


def listing(request: Request) -> Response:
    """List discussions and pull requests, newest first, a page at a time."""
    query = request.query_params
    wanted = Wanted(
        _choice(_TYPES, query.get("type", "all"), "type"),
        _choice(_STATUSES, query.get("status", "all"), "status"),
        query.get("author"),
    )
    start = _number(query.get("p", "0"), "page") * _PAGE
    with visit(request) as here:
        adopt_strays(here)
        found, total = here.hub.discussions.page(here.row.number, wanted, start, _PAGE)
        items = [describe_discussion(one, here.row) for one in found]
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
    with visit(request, "propose") as here:
        number = (open_pull if fields.get("pullRequest") is True else open_discussion)(here, title, text)
        pull = {"pullRequest": True} if fields.get("pullRequest") is True else {}
        url = f"{base_url(request)}/{here.row.repo.page}/discussions/{number}"
    return json_response({"num": number, "url": url, **pull})


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
    """Show one: all that happened, and for a pull request its diff and conflicts."""
    with visit(request) as here:
        found = _find(request, here)
        answer = describe_discussion(found, here.row)
        events = here.hub.discussions.events(here.row.number, found.number)
        sides = sides_of(here.git, found) if found.is_pull else None
        answer["events"] = timeline(here.git, events, sides)
        if found.is_pull:
            answer |= {"changes": describe_changes(found), "filesWithConflicts": _conflicts(here, found)}
        if sides is not None and flag(request, "diff") and _sees_files(here):
            answer["diff"] = diff_of(sides)
    return json_response(answer)


def _find(request: Request, here: Visit) -> Discussion:
    return look_up(here, _number(request.path_params["number"], "number"))


def _conflicts(here: Visit, found: Discussion) -> list[str]:
    if found.status == "merged":
        return []
    with drafting(here.hub.folder, here.git) as draft:
        sides = sides_of(draft.git, found)
        return conflicts_of(draft.git, sides) if sides is not None else []


def _sees_files(here: Visit) -> bool:
    try:
        check_files(here.caller, here.row)
    except Problem:
        return False
    return True


@contextmanager
def _joined(request: Request) -> Iterator[tuple[Visit, Discussion]]:
    """Admit whoever may say something to a discussion."""
    with visit(request, "propose") as here:
        yield here, _find(request, here)


def _check_owner(here: Visit, author: str, action: str) -> None:
    """Let whoever opened or wrote it go on, and whoever may write the repo.

    Raises:
        Problem: 403.
    """
    if not _is(here, author) and not here.caller.owns(here.row.repo.namespace):
        raise forbidden(f"You don't have the rights to {action}")


def _is(here: Visit, author: str) -> bool:
    return (here.caller.name or "").lower() == author.lower()


def _say(here: Visit, found: Discussion, text: str) -> Event:
    name = here.caller.name or ""
    return here.hub.discussions.append(here.row.number, found.number, "comment", name, comment(text))


def add_comment(request: Request, fields: dict[str, Any]) -> Response:
    """Say something."""
    text = _text(fields, "comment")
    with _joined(request) as (here, found):
        return json_response({"newMessage": describe_event(_say(here, found, text))})


def edit_comment(request: Request, fields: dict[str, Any]) -> Response:
    """Change one's own comment; what it said before is kept."""
    text = _text(fields, "content")
    with _joined(request) as (here, found):
        event = _comment(request, here, found)
        if not _is(here, event.author):
            raise forbidden("Only its author can edit a comment")
        name = here.caller.name or ""
        revised = here.hub.discussions.revise(event, lambda data: _edited(data, text, name))
        return json_response({"updatedComment": describe_event(revised)})


def _edited(data: Mapping[str, Any], text: str, editor: str) -> dict[str, Any]:
    if data["hidden"]:
        raise conflict("A hidden comment cannot be edited")
    earlier = {"raw": data["raw"], "updatedAt": data["updated"]}
    return {**comment(text), "editor": editor, "history": [*data["history"], earlier]}


def hide_comment(request: Request, fields: dict[str, Any]) -> Response:  # noqa: ARG001
    """Hide a comment for good: nobody can read it any more."""
    with _joined(request) as (here, found):
        event = _comment(request, here, found)
        _check_owner(here, event.author, "hide this comment")
        hidden = {**comment(""), "hidden": True, "editor": here.caller.name or ""}
        revised = here.hub.discussions.revise(event, lambda _: hidden)
        return json_response({"updatedComment": describe_event(revised)})


def _comment(request: Request, here: Visit, found: Discussion) -> Event:
    event_id = request.path_params["event"].lower()
    event = None
    if _EVENT_ID.fullmatch(event_id):
        event = here.hub.discussions.event(here.row.number, found.number, event_id)
    if event is None or event.kind != "comment":
        raise Problem(404, "There is no such comment")
    return event


def rename(request: Request, fields: dict[str, Any]) -> Response:
    """Give it another title."""
    title = _title(fields)
    with _joined(request) as (here, found):
        _check_owner(here, found.author, "rename this discussion")
        event = here.hub.discussions.rename(here.row.number, found, title, here.caller.name or "")
        return json_response({"newTitle": describe_event(event)})


def change_status(request: Request, fields: dict[str, Any]) -> Response:
    """Close it, open it again, or publish a draft."""
    status, text = text_field(fields, "status"), _text(fields, "comment", required=False)
    if status not in ("open", "closed"):
        raise bad_request('"status" must be open or closed')
    with _joined(request) as (here, found):
        _check_owner(here, found.author, "change the status of this discussion")
        if found.status in ("merged", status):
            raise conflict(f"It is {found.status} already")
        event = here.hub.discussions.change_status(here.row.number, found, status, here.caller.name or "")
        if event is None:
            raise conflict("Its status was just changed; refresh and try again")
        if text.strip():
            _say(here, found, text)
        return json_response({"newStatus": describe_event(event)})


def merge_pull(request: Request, fields: dict[str, Any]) -> Response:
    """Merge a pull request into main."""
    text = _text(fields, "comment", required=False)
    with _joined(request) as (here, found):
        check_write(here.caller, here.row)
        with drafting(here.hub.folder, here.git) as draft:
            commit = _merge(here, draft, found, text)
        tidy(here.git)
        return json_response({"success": True, "mergeCommitId": commit})


def _merge(here: Visit, draft: Draft, found: Discussion, text: str) -> str:
    commit = merge(here, draft, found.number)
    if text.strip():
        _say(here, found, text)
    return commit


_ONE = f"{API}/discussions/{{number}}"
ROUTES = [
    Route(f"{API}/discussions", listing),
    Route(f"{API}/discussions", takes_json(create), methods=["POST"]),
    Route(_ONE, details),
    Route(f"{_ONE}/comment", takes_json(add_comment), methods=["POST"]),
    Route(f"{_ONE}/comment/{{event}}/edit", takes_json(edit_comment), methods=["POST"]),
    Route(f"{_ONE}/comment/{{event}}/hide", takes_json(hide_comment), methods=["POST"]),
    Route(f"{_ONE}/title", takes_json(rename), methods=["POST"]),
    Route(f"{_ONE}/status", takes_json(change_status), methods=["POST"]),
    Route(f"{_ONE}/merge", takes_json(merge_pull), methods=["POST"]),
]
