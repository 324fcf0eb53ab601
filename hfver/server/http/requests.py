"""Reading requests: quoted paths, JSON bodies, forms, and the repo that a route is about."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

import pygit2
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from hfver.server.access import Caller, check_files, check_proposal, check_read, check_write
from hfver.server.context import Hub
from hfver.server.names import RepoId, is_repo_id
from hfver.server.problems import Problem, bad_request, repo_not_found
from hfver.server.storage.database import RepoRow

MAX_JSON = 32 * 1024 * 1024
_CHECKS = {"read": check_read, "files": check_files, "write": check_write, "propose": check_proposal}
Handler = Callable[..., Response]


@dataclass(frozen=True)
class Visit:
    """An admitted request to a repo: who, what, and the open git repository."""

    hub: Hub
    caller: Caller
    row: RepoRow
    git: pygit2.Repository


def hub_of(request: Request) -> Hub:
    """The Hub that serves the request."""
    hub = request.app.state.hub
    assert isinstance(hub, Hub)  # noqa: S101
    return hub


def caller_of(request: Request) -> Caller:
    """Who sent the request.

    Raises:
        Problem: 401 for credentials that nobody has.
    """
    return hub_of(request).gate.admit(request.headers.get("authorization"))


def base_url(request: Request) -> str:
    """The Hub's address as this client wrote it, for links in answers."""
    return str(request.base_url).rstrip("/")


def segment(request: Request, name: str) -> str:
    """Read a path parameter; routes match the quoted path, so that ``refs%2Fpr%2F1`` is one segment.

    Raises:
        Problem: 400 when it is no UTF-8.
    """
    try:
        return unquote(request.path_params[name], errors="strict")
    except UnicodeDecodeError as error:
        raise bad_request("The path is not UTF-8") from error


def repo_of(request: Request) -> RepoId:
    """Read the repo's id out of the path, not yet looked up."""
    kind = str(request.path_params.get("kind", "models")).rstrip("/")
    name = segment(request, "name")
    return RepoId(kind, segment(request, "namespace"), name)


def find_repo(request: Request, repo: RepoId, caller: Caller) -> RepoRow:
    """Look a repo up.

    Raises:
        Problem: RepoNotFound; 307 when it was moved.
    """
    hub = hub_of(request)
    row = hub.database.repo(repo.key) if is_repo_id(repo) else None
    if row is not None:
        return row
    moved = hub.database.moved_to(repo.key) if is_repo_id(repo) else None
    if moved is None or "namespace" not in request.path_params:  # an id in a body is meant as it stands
        raise repo_not_found(anonymous=caller.anonymous)
    check_read(caller, moved)
    raise _redirect(request, moved.repo)


def _redirect(request: Request, target: RepoId) -> Problem:
    """307 to the same address with the repo's new id."""
    params = request.path_params
    path = request.scope["path"].replace(f"{params['namespace']}/{params['name']}", target.id, 1)
    query = request.url.query
    location = f"{base_url(request)}{path}" + (f"?{query}" if query else "")
    return Problem(307, f"Moved to {target.id}", headers={"Location": location})


@contextlib.contextmanager
def visit(request: Request, need: str = "read") -> Iterator[Visit]:
    """Admit a request to the repo in its path: "read" its facts, its "files", "write", or "propose".

    Raises:
        Problem: 401, 403, 404 or 307.
    """
    caller = caller_of(request)
    row = find_repo(request, repo_of(request), caller)
    _CHECKS[need](caller, row)
    hub = hub_of(request)
    with hub.handles.borrow(row.number, row.repo.key) as git:
        yield Visit(hub, caller, row, git)


async def read_body(request: Request, limit: int = MAX_JSON) -> bytes:
    """Read a body that has to be small.

    Raises:
        Problem: 413.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise Problem(413, f"The body is larger than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


def parse_json(data: bytes) -> Any:
    """Parse JSON.

    Raises:
        Problem: 400.
    """
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise bad_request("Invalid JSON") from error


def parse_object(data: bytes) -> dict[str, Any]:
    """Parse a JSON object; an empty body counts as an empty one."""
    value = parse_json(data) if data.strip() else {}
    if not isinstance(value, dict):
        raise bad_request("Expected a JSON object")
    return value


def parse_form(data: bytes) -> dict[str, Any]:
    """Parse a form into lists of texts."""
    try:
        fields = parse_qs(data.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise bad_request("Invalid form") from error
    return dict(fields)


def takes_json(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint of a function that takes the request and its JSON object."""

    async def endpoint(request: Request) -> Response:
        data = await read_body(request)
        is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        fields = parse_form(data) if is_form else parse_object(data)
        return await run_in_threadpool(handler, request, fields)

    return endpoint


def text_field(fields: dict[str, Any], name: str, default: str | None = None) -> str:
    """Take a text out of a JSON object.

    Raises:
        Problem: 400 when it is missing and has no default, or is not text.
    """
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise bad_request(f'"{name}" must be a string')
    return value


def flag(request: Request, name: str) -> bool:
    """Read a yes-or-no query parameter, in any of the ways that clients write it."""
    return request.query_params.get(name, "").lower() in ("1", "true", "yes")
