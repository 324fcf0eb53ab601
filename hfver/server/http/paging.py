"""Pages of long responses. A cursor pins the commit, so that pages stay consistent while a branch moves."""

from __future__ import annotations

import re

import pygit2
from starlette.requests import Request

from hfver.server.git.refs import resolve_revision
from hfver.server.http.requests import base_url, segment
from hfver.server.problems import bad_request

_CURSOR = re.compile(r"([0-9a-f]{40})-([0-9]{1,9})")


def _cursor(request: Request) -> tuple[str, int] | None:
    text = request.query_params.get("cursor")
    if text is None:
        return None
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise bad_request("Invalid cursor")
    return found[1], int(found[2])


def page_commit(request: Request, git: pygit2.Repository) -> pygit2.Commit:
    """Find the commit that this page shows: the one in the cursor, else that of the revision."""
    cursor = _cursor(request)
    return resolve_revision(git, cursor[0] if cursor else segment(request, "revision"))


def page_start(request: Request) -> int:
    """Return how many items the pages before this one had."""
    cursor = _cursor(request)
    return cursor[1] if cursor else 0


def page_link(request: Request, commit: pygit2.Commit, start: int) -> dict[str, str]:
    """Build the Link header that leads to the next page."""
    url = request.url.include_query_params(cursor=f"{commit.id}-{start}")
    return {"Link": f'<{base_url(request)}{request.scope["path"]}?{url.query}>; rel="next"'}
