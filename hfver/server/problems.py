"""The Hub's kind of error: a status, X-Error-Code, X-Error-Message and a JSON body."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.responses import Response

from hfver.server.responses import json_response

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")
_LOGIN = {"WWW-Authenticate": 'Basic realm="Authentication required", charset="UTF-8"'}


class Problem(Exception):
    """A request that is refused, as the client shall see it.

    Args:
        status: HTTP status.
        message: One sentence for people; goes into X-Error-Message and the body.
        code: The Hub's X-Error-Code, by which clients choose their exception.
        headers: More headers, for example WWW-Authenticate.
        body: More keys for the JSON body.
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
        """Render the problem; the message is stripped to what a header may carry."""
        headers = {**self.headers, "X-Error-Message": _UNPRINTABLE.sub(" ", self.message)[:500]}
        if self.code is not None:
            headers["X-Error-Code"] = self.code
        return json_response({"error": self.message, **self.body}, status=self.status, headers=headers)


def bad_request(message: str) -> Problem:
    """400: the request makes no sense."""
    return Problem(400, message)


def unprocessable(message: str) -> Problem:
    """422: well-formed, and nothing that a repository can hold."""
    return Problem(422, message)


def conflict(message: str, **body: object) -> Problem:
    """409: the thing exists already."""
    return Problem(409, message, body=body)


def forbidden(message: str) -> Problem:
    """403: the caller is known and may not."""
    return Problem(403, message)


def unauthorized(message: str, code: str | None = None) -> Problem:
    """401 with the challenge that git and git-lfs need to ask for a password."""
    return Problem(401, message, code, _LOGIN)


def invalid_credentials() -> Problem:
    """401 for a token that nobody has; the client tells it from a missing repo by this very sentence."""
    return unauthorized("Invalid credentials in Authorization header")


def repo_not_found(*, anonymous: bool) -> Problem:
    """A repo that is not there, or that the caller may not know of: both answers are the same."""
    if anonymous:
        return unauthorized("Invalid username or password.", "RepoNotFound")
    return Problem(404, "Repository not found", "RepoNotFound")


def revision_not_found(revision: str) -> Problem:
    """404: no such branch, tag or commit."""
    return Problem(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def entry_not_found(path: str, commit: str) -> Problem:
    """404 for a path; X-Repo-Commit lets the client remember the absence for that commit."""
    headers = {"X-Repo-Commit": commit}
    return Problem(404, f'Entry "{path}" not found', "EntryNotFound", headers)


def gated(repo_id: str, *, anonymous: bool) -> Problem:
    """401 or 403 for the files of a gated repo."""
    message = f"Access to {repo_id} is restricted and you are not in the authorized list."
    if anonymous:
        return unauthorized(message, "GatedRepo")
    return Problem(403, message, "GatedRepo")
