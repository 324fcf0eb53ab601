"""Error responses in the Hub's format: a status, X-Error-Code, X-Error-Message and a JSON body."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.responses import Response

from hfver.server.responses import json_response

# A message may quote what the user sent, and must not be able to start another header.
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")
_LOGIN = {"WWW-Authenticate": 'Basic realm="Authentication required", charset="UTF-8"'}


class Problem(Exception):
    """An error response, raised wherever a request turns out to be refused and rendered by the application.

    Args:
        status: HTTP status.
        message: One sentence for people, sent in X-Error-Message and in the body.
        code: X-Error-Code. Clients choose the exception that they raise by it.
        headers: Additional headers, for example WWW-Authenticate.
        body: Additional keys of the JSON body.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers, self.body = dict(headers or {}), dict(body or {})

    def response(self) -> Response:
        """Render the response. In the header, the message is reduced to printable ASCII."""
        headers = {**self.headers, "X-Error-Message": _UNPRINTABLE.sub(" ", self.message)[:500]}
        if self.code is not None:
            headers["X-Error-Code"] = self.code
        return json_response({"error": self.message, **self.body}, status=self.status, headers=headers)


def bad_request(message: str) -> Problem:
    """400: the request is malformed."""
    return Problem(400, message)


def unprocessable(message: str) -> Problem:
    """422: the request is well-formed, but a repository cannot hold what it asks for."""
    return Problem(422, message)


def conflict(message: str, **body: object) -> Problem:
    """409: the request does not fit the current state, for example because the name is taken."""
    return Problem(409, message, body=body)


def forbidden(message: str) -> Problem:
    """403: the caller is known and lacks the right."""
    return Problem(403, message)


def unauthorized(message: str, code: str | None = None) -> Problem:
    """401, with the challenge without which git and git-lfs do not ask for a password."""
    return Problem(401, message, code, _LOGIN)


def invalid_credentials() -> Problem:
    """401 for an unknown token. Clients distinguish it from a missing repo by exactly this message."""
    return unauthorized("Invalid credentials in Authorization header")


def repo_not_found(*, anonymous: bool) -> Problem:
    """401 or 404 for a repo that does not exist or is hidden from the caller: the two must look the same."""
    if anonymous:
        return unauthorized("Invalid username or password.", "RepoNotFound")
    return Problem(404, "Repository not found", "RepoNotFound")


def revision_not_found(revision: str) -> Problem:
    """404: there is no such branch, tag or commit."""
    return Problem(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def entry_not_found(path: str, commit: str) -> Problem:
    """404 for a path. With X-Repo-Commit, clients cache that this commit does not contain it."""
    headers = {"X-Repo-Commit": commit}
    return Problem(404, f'Entry "{path}" not found', "EntryNotFound", headers)


def gated_repo(repo_id: str, *, anonymous: bool) -> Problem:
    """401 or 403 for the files of a gated repo that the caller has no access to."""
    message = f"Access to {repo_id} is restricted and you are not in the authorized list."
    if anonymous:
        return unauthorized(message, "GatedRepo")
    return Problem(403, message, "GatedRepo")
