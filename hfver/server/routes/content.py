"""Listing folders, and describing single paths."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pygit2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hfver.server.git.history import last_commits
from hfver.server.git.refs import resolve_revision
from hfver.server.git.trees import TreeEntry, find_entry, walk_tree
from hfver.server.http.paging import page_commit, page_link, page_start
from hfver.server.http.repo_context import repo_context
from hfver.server.http.requests import flag, json_endpoint, segment
from hfver.server.problems import bad_request
from hfver.server.responses import json_response
from hfver.server.routes.paths import API, REV

_PAGE, _EXPANDED_PAGE = 1000, 50  # as on huggingface.co
_MAX_PATHS = 10_000


def tree(request: Request) -> Response:
    """List a folder, or with ``recursive`` everything below it."""
    with repo_context(request) as context:
        commit = page_commit(request, context.git)
        path = segment(request, "path").strip("/") if "path" in request.path_params else ""
        start, expand = page_start(request), flag(request, "expand")
        size = _EXPANDED_PAGE if expand else _PAGE
        entries = walk_tree(context.git, commit, path, recursive=flag(request, "recursive"))
        found = list(islice(entries, start, start + size + 1))
        headers = page_link(request, commit, start + size) if len(found) > size else {}
        headers["X-Repo-Commit"] = str(commit.id)
        return json_response(_describe(context.git, commit, found[:size], expand), headers=headers)


def _describe(git: pygit2.Repository, commit: pygit2.Commit, entries: list[TreeEntry], expand: bool) -> list[object]:
    last = last_commits(git, commit, [entry.path for entry in entries]) if expand else {}
    more = ({"lastCommit": last.get(entry.path)} if expand else {} for entry in entries)
    return [{**entry.describe(), **extra} for entry, extra in zip(entries, more, strict=True)]


def paths_info(request: Request, fields: dict[str, Any]) -> Response:
    """Describe those of the given paths that exist."""
    with repo_context(request) as context:
        commit = resolve_revision(context.git, segment(request, "revision"))
        paths = fields.get("paths", [])
        paths = [paths] if isinstance(paths, str) else paths
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise bad_request('"paths" must be a list of strings')
        found = (find_entry(context.git, commit, path.strip("/")) for path in dict.fromkeys(paths[:_MAX_PATHS]))
        entries = [entry for entry in found if entry is not None]
        return json_response(_describe(context.git, commit, entries, _wants_expand(fields)))


def _wants_expand(fields: dict[str, Any]) -> bool:
    """Read ``expand``: true in JSON, or "True", "true" or "1" in a form."""
    value = fields.get("expand")
    text = value[0] if isinstance(value, list) and value else value
    return text is True or str(text).lower() in ("true", "1")


ROUTES = [
    Route(f"{API}/tree/{REV}", tree),
    Route(f"{API}/tree/{REV}/{{path:path}}", tree),
    Route(f"{API}/paths-info/{REV}", json_endpoint(paths_info), methods=["POST"]),
]
