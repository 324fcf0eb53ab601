"""Downloading files: their contents (resolve), or what git stores for them (raw)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pygit2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hfver.server.git.refs import resolve_revision
from hfver.server.git.trees import TreeEntry, find_file
from hfver.server.http.repo_context import RepoContext, repo_context
from hfver.server.http.requests import segment
from hfver.server.http.send import send_content
from hfver.server.problems import Problem
from hfver.server.routes.paths import PAGE, REV


def resolve(request: Request) -> Response:
    """Send a file's content; for an LFS file, that of its object."""
    with repo_context(request, "files") as context:
        commit, entry = _find(context, request)
        headers = _headers(commit, entry, entry.content_id)
        if entry.pointer is None:
            return send_content(request, _blob(context.git, entry), entry.git_size, headers)
        path = context.server.lfs.path(entry.pointer.oid)
        _check_object(path, entry)
        headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(entry.size)}
        return send_content(request, path, entry.size, headers)


def raw(request: Request) -> Response:
    """Send what git stores: for an LFS file, the text of its pointer."""
    with repo_context(request, "files") as context:
        commit, entry = _find(context, request)
        headers = _headers(commit, entry, entry.oid) | {"Content-Type": "text/plain; charset=utf-8"}
        return send_content(request, _blob(context.git, entry), entry.git_size, headers)


def _find(context: RepoContext, request: Request) -> tuple[pygit2.Commit, TreeEntry]:
    commit = resolve_revision(context.git, segment(request, "revision"))
    return commit, find_file(context.git, commit, segment(request, "path"))


def _headers(commit: pygit2.Commit, entry: TreeEntry, etag: str) -> dict[str, str]:
    name = quote(entry.path.rpartition("/")[2], safe="")
    return {
        "X-Repo-Commit": str(commit.id),
        "ETag": f'"{etag}"',
        "Content-Disposition": f"inline; filename*=UTF-8''{name}; filename=\"{name}\";",
        # An uploaded HTML file must not run as a page of the Hub.
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


def _blob(git: pygit2.Repository, entry: TreeEntry) -> bytes:
    return bytes(git.odb.read(pygit2.Oid(hex=entry.oid))[1])


def _check_object(path: Path, entry: TreeEntry) -> None:
    """Require that the store still has the whole object.

    Raises:
        Problem: EntryNotFound.
    """
    if not path.is_file() or path.stat().st_size != entry.size:
        raise Problem(404, f"The content of {entry.path} is missing from the store", "EntryNotFound")


ROUTES = [
    Route(f"{PAGE}/resolve/{REV}/{{path:path}}", resolve),
    Route(f"{PAGE}/raw/{REV}/{{path:path}}", raw),
]
