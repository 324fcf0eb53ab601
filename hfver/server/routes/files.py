"""Downloading files: resolve for contents, raw for what git holds."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pygit2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hfver.server.git.repository import resolve as resolve_revision
from hfver.server.git.trees import Entry, find_file
from hfver.server.http.requests import Visit, segment, visit
from hfver.server.http.send import send
from hfver.server.problems import Problem
from hfver.server.routes.paths import PAGE, REV


def resolve(request: Request) -> Response:
    """Send a file's content, seeing through its LFS pointer."""
    with visit(request, "files") as here:
        commit, entry = _find(here, request)
        headers = _headers(commit, entry, entry.content_id)
        if entry.pointer is None:
            return send(request, _blob(here.git, entry), entry.git_size, headers)
        path = here.hub.objects.path(entry.pointer.oid)
        _check_object(path, entry)
        headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(entry.size)}
        return send(request, path, entry.size, headers)


def raw(request: Request) -> Response:
    """Send what git holds: for LFS files, the pointer's text."""
    with visit(request, "files") as here:
        commit, entry = _find(here, request)
        headers = _headers(commit, entry, entry.oid) | {"Content-Type": "text/plain; charset=utf-8"}
        return send(request, _blob(here.git, entry), entry.git_size, headers)


def _find(here: Visit, request: Request) -> tuple[pygit2.Commit, Entry]:
    commit = resolve_revision(here.git, segment(request, "revision"))
    return commit, find_file(here.git, commit, segment(request, "path"))


def _headers(commit: pygit2.Commit, entry: Entry, etag: str) -> dict[str, str]:
    name = quote(entry.path.rpartition("/")[2], safe="")
    return {
        "X-Repo-Commit": str(commit.id),
        "ETag": f'"{etag}"',
        "Content-Disposition": f"inline; filename*=UTF-8''{name}; filename=\"{name}\";",
        # What users uploaded must not run as a page of the Hub.
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


def _blob(git: pygit2.Repository, entry: Entry) -> bytes:
    return bytes(git.odb.read(pygit2.Oid(hex=entry.oid))[1])


def _check_object(path: Path, entry: Entry) -> None:
    """Say plainly when the store has lost an object or part of it."""
    if not path.is_file() or path.stat().st_size != entry.size:
        raise Problem(404, f"The content of {entry.path} is missing from the store", "EntryNotFound")


ROUTES = [
    Route(f"{PAGE}/resolve/{REV}/{{path:path}}", resolve),
    Route(f"{PAGE}/raw/{REV}/{{path:path}}", raw),
]
