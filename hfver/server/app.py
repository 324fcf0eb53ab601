"""The ASGI application: routes, and one place where problems become answers."""

from __future__ import annotations

import logging
import re
import uuid

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hfver.server.access import Caller
from hfver.server.context import Hub
from hfver.server.http.requests import caller_of
from hfver.server.problems import Problem, repo_not_found
from hfver.server.routes import account, commits, content, discussions, files, git, info, lfs, refs, repos

logger = logging.getLogger("hfver.server")
_REQUEST_ID = re.compile(r"[\w.:;=/+-]{1,200}", re.ASCII)
_REPO_API = re.compile(r"/api/(models|datasets|spaces)/")


def make_app(hub: Hub) -> ASGIApp:
    """Build the application that serves a Hub."""
    families = (account, repos, refs, commits, content, discussions, lfs, git, files, info)
    routes: list[BaseRoute] = [route for family in families for route in family.ROUTES]
    handlers = {Problem: _problem, HTTPException: _unknown, ClientDisconnect: _gone, Exception: _fault}
    app = Starlette(routes=routes, exception_handlers=handlers)  # type: ignore[arg-type]
    app.router.redirect_slashes = False
    app.state.hub = hub
    return _Envelope(app)


class _Envelope:
    """Lets routes match the quoted path, and puts on every answer what every answer carries."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        scope["path"] = scope["raw_path"].decode("ascii", "replace")
        headers = [(b"x-request-id", _request_id(scope)), (b"x-content-type-options", b"nosniff")]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _request_id(scope: Scope) -> bytes:
    """Echo the client's request id, else make one that contains its trace id."""
    given: dict[bytes, str] = {name: value.decode("latin-1") for name, value in scope["headers"]}
    own = given.get(b"x-request-id", "")
    if _REQUEST_ID.fullmatch(own):
        return own.encode("ascii")
    trace = given.get(b"x-amzn-trace-id", "")
    made = f"{uuid.uuid4()};{trace}" if _REQUEST_ID.fullmatch(trace) else str(uuid.uuid4())
    return made.encode("ascii")


def _problem(request: Request, error: Problem) -> Response:
    if "/info/lfs/" in request.url.path:
        error.body["message"] = error.message  # where git-lfs looks
    return error.response()


def _unknown(request: Request, error: HTTPException) -> Response:
    """Answer for an address that nobody serves; in the repo API that means: no such repo."""
    if error.status_code == 404 and not _is_other_api(request.url.path):
        try:
            caller = caller_of(request)
        except Problem:
            caller = Caller()
        return repo_not_found(anonymous=caller.anonymous).response()
    return Problem(error.status_code, error.detail, headers=error.headers or {}).response()


def _is_other_api(path: str) -> bool:
    return path.startswith(("/api/", "/lfs-objects/")) and _REPO_API.match(path) is None


def _gone(_: Request, __: ClientDisconnect) -> Response:
    return Problem(400, "The client went away").response()


def _fault(request: Request, error: Exception) -> Response:
    """A fault of ours: say so without telling anything else."""
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return Problem(500, "Internal Server Error").response()
