"""What a route works with: the Hub that serves the request, the caller, and the repo in the path."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pygit2
from starlette.requests import Request

from hfver.server.auth import Caller, check_files, check_proposal, check_read, check_write
from hfver.server.context import ServerContext
from hfver.server.http.requests import base_url, segment
from hfver.server.names import RepoId, is_repo_id
from hfver.server.problems import Problem, repo_not_found
from hfver.server.storage.database import RepoRow

_CHECKS = {"read": check_read, "files": check_files, "write": check_write, "propose": check_proposal}


@dataclass(frozen=True)
class RepoContext:
    """An authorized request to a repo: the Hub, the caller, the repo's row, and its open git repository."""

    server: ServerContext
    caller: Caller
    row: RepoRow
    git: pygit2.Repository

    @property
    def user(self) -> str:
        """The caller's name; empty for an anonymous caller."""
        return self.caller.name or ""


def server_of(request: Request) -> ServerContext:
    """Return the Hub that serves the request."""
    server = request.app.state.server
    assert isinstance(server, ServerContext)  # noqa: S101
    return server


def caller_of(request: Request) -> Caller:
    """Find the user who sent the request.

    Raises:
        Problem: 401 if the credentials are not those of any user; 429 after many such attempts.
    """
    address = request.client.host if request.client else ""
    return server_of(request).auth.authenticate(request.headers.get("authorization"), address)


def repo_id_of(request: Request) -> RepoId:
    """Read the repo's id out of the path, without looking it up."""
    kind = str(request.path_params.get("kind", "models")).rstrip("/")
    name = segment(request, "name")
    return RepoId(kind, segment(request, "namespace"), name)


def find_repo(request: Request, repo: RepoId, caller: Caller) -> RepoRow:
    """Look up a repo.

    Raises:
        Problem: RepoNotFound; 307 if it was moved.
    """
    database = server_of(request).database
    row = database.repo(repo.key) if is_repo_id(repo) else None
    if row is not None:
        return row
    moved = database.redirect(repo.key) if is_repo_id(repo) else None
    if moved is None or "namespace" not in request.path_params:  # an id in a body is not redirected
        raise repo_not_found(anonymous=caller.anonymous)
    check_read(caller, moved)  # the redirect would reveal a private repo
    raise _redirect(request, moved.repo)


def _redirect(request: Request, target: RepoId) -> Problem:
    """Build a 307 to the same address with the repo's new id."""
    params = request.path_params
    path = request.scope["path"].replace(f"{params['namespace']}/{params['name']}", target.id, 1)
    query = request.url.query
    location = f"{base_url(request)}{path}" + (f"?{query}" if query else "")
    return Problem(307, f"Moved to {target.id}", headers={"Location": location})


@contextlib.contextmanager
def repo_context(request: Request, right: str = "read") -> Iterator[RepoContext]:
    """Open the repo in the path for a caller who has a right to it.

    Args:
        request: The request.
        right: "read" its metadata, read its "files", "write", or "propose" changes.

    Raises:
        Problem: 401, 403, 404 or 307.
    """
    caller = caller_of(request)
    row = find_repo(request, repo_id_of(request), caller)
    _CHECKS[right](caller, row)
    server = server_of(request)
    with server.open_repo(row) as git:
        try:
            yield RepoContext(server, caller, row, git)
        except Exception as error:
            # Whatever a request meets while its repo is deleted, the reason is that the repo is gone.
            if server.database.repo_by_number(row.number) is None:
                raise repo_not_found(anonymous=caller.anonymous) from error
            raise
