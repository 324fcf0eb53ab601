"""The ASGI application: all routes, and the one place where errors become responses."""

from __future__ import annotations

import logging
import re
import sqlite3
import uuid
from typing import Any

import pygit2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hfver.server.auth import Caller
from hfver.server.context import ServerContext
from hfver.server.http.hosts import HostCheck
from hfver.server.http.repo_context import caller_of, server_of
from hfver.server.problems import Problem, repo_not_found
from hfver.server.routes import account, commits, content, discussions, files, git, info, lfs, refs, repos
from hfver.server.storage.room import room_problem

logger = logging.getLogger("hfver.server")
_REQUEST_ID = re.compile(r"[\w.:;=/+-]{1,200}", re.ASCII)
_REPO_API = re.compile(r"/api/(models|datasets|spaces)/")


def make_app(server: ServerContext, hosts: HostCheck | None = None) -> ASGIApp:
    """Build the application that serves a Hub.

    Args:
        server: The Hub.
        hosts: The names by which it may be addressed; None for any.
    """
    # The first route that matches is taken, so the families with the most general paths come last.
    families = (account, repos, refs, commits, content, discussions, lfs, git, files, info)
    routes: list[BaseRoute] = [route for family in families for route in family.ROUTES]
    handlers: dict[Any, Any] = {
        Problem: _problem,
        HTTPException: _http_exception,
        ClientDisconnect: _disconnected,
        **dict.fromkeys((OSError, sqlite3.Error, pygit2.GitError), _disk_error),
        Exception: _server_error,
    }
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False  # an address without a route is an error
    app.state.server = server
    return _CommonHeaders(app, hosts)


class _CommonHeaders:
    """Middleware that makes routes match the quoted path, and adds the headers that every response has."""

    def __init__(self, app: ASGIApp, hosts: HostCheck | None) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        # uvicorn unquotes the path, and then the slash of a revision like refs%2Fpr%2F1 would separate segments.
        scope["path"] = scope["raw_path"].decode("ascii", "replace")
        headers = [(b"x-request-id", _request_id(scope)), (b"x-content-type-options", b"nosniff")]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers]
            await send(message)

        if self._hosts is not None and not self._hosts.allows(scope):
            await self._hosts.refuse(scope)(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


def _request_id(scope: Scope) -> bytes:
    """Echo the client's request id, or make one that contains its trace id."""
    given: dict[bytes, str] = {name: value.decode("latin-1") for name, value in scope["headers"]}
    own = given.get(b"x-request-id", "")
    # Clients show the id in error messages, and the header must not be able to contain anything else.
    if _REQUEST_ID.fullmatch(own):
        return own.encode("ascii")
    trace = given.get(b"x-amzn-trace-id", "")
    made = f"{uuid.uuid4()};{trace}" if _REQUEST_ID.fullmatch(trace) else str(uuid.uuid4())
    return made.encode("ascii")


def _problem(request: Request, error: Problem) -> Response:
    if "/info/lfs/" in request.url.path:
        error.body["message"] = error.message  # git-lfs reads the message from here
    return error.response()


def _http_exception(request: Request, error: HTTPException) -> Response:
    """Respond to an address without a route. In the API of a repo, clients expect that to be RepoNotFound."""
    if error.status_code == 404 and not _is_other_api(request.url.path):
        try:
            caller = caller_of(request)
        except Problem:
            caller = Caller()
        return repo_not_found(anonymous=caller.anonymous).response()
    return Problem(error.status_code, error.detail, headers=error.headers or {}).response()


def _is_other_api(path: str) -> bool:
    return path.startswith(("/api/", "/lfs-objects/")) and _REPO_API.match(path) is None


def _disconnected(_: Request, __: ClientDisconnect) -> Response:
    return Problem(400, "The client disconnected").response()


def _disk_error(request: Request, error: Exception) -> Response:
    """Say that the Hub's disk is full or read-only: that is for its operator, and a client cannot do anything else."""
    problem = room_problem(error) or _no_room_for(request, error)
    if problem is None:
        raise error
    logger.error("%s %s failed: %s (%s)", request.method, request.url.path, problem.message, error)
    return _problem(request, problem)


def _no_room_for(request: Request, error: Exception) -> Problem | None:
    """Return the problem if libgit2, which does not always name the reason, failed where a body cannot be stored."""
    size = request.headers.get("content-length", "")
    if isinstance(error, pygit2.GitError) and size.isdecimal():
        try:
            server_of(request).lfs.check_room(int(size))
        except Problem as problem:
            return problem
    return None


def _server_error(request: Request, error: Exception) -> Response:
    """Log an error of the server. The response must not reveal any details."""
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return Problem(500, "Internal Server Error").response()
