"""Preupload, commit, and the list of commits."""

from __future__ import annotations

import base64
import binascii
from contextlib import ExitStack
from typing import Any

import pygit2
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hfver.server.git.attributes import Attributes, Ignores, upload_mode
from hfver.server.git.commit import commit_to
from hfver.server.git.history import describe_commit, list_commits
from hfver.server.git.pack import Draft, drafting, tidy
from hfver.server.git.repository import full_name, resolve
from hfver.server.git.trees import find, read_small
from hfver.server.http.commit_body import CommitBody, lines_of
from hfver.server.http.paging import page_link, page_start, starting_commit
from hfver.server.http.requests import Visit, base_url, flag, segment, takes_json, text_field, visit
from hfver.server.names import is_path
from hfver.server.problems import bad_request, revision_not_found, unprocessable
from hfver.server.proposals.propose import check_contribution, propose_commit
from hfver.server.responses import json_response
from hfver.server.routes.paths import API, REV

_PAGE = 50
_MAX_RULES_FILE = 1024 * 1024


def preupload(request: Request, fields: dict[str, Any]) -> Response:
    """Say for each file whether it goes by LFS, whether it is ignored, and what is there now."""
    with visit(request, _need(request)) as here:
        _check_revision(request, here)
        commit = resolve(here.git, segment(request, "revision"))
        attributes = Attributes(_rules(here, commit, fields, "gitAttributes", ".gitattributes"))
        ignores = Ignores(_rules(here, commit, fields, "gitIgnore", ".gitignore"))
        files = fields.get("files")
        if not isinstance(files, list):
            raise bad_request('"files" must be a list')
        answers = [_plan(here.git, commit, attributes, ignores, item) for item in files]
        return json_response({"files": answers, "commitOid": str(commit.id)})


def _need(request: Request) -> str:
    """A pull request, and one's own that is there already, need no right to write."""
    is_pull = segment(request, "revision").startswith("refs/pr/")
    return "propose" if flag(request, "create_pr") or is_pull else "write"


def _check_revision(request: Request, here: Visit) -> None:
    if not flag(request, "create_pr"):
        check_contribution(here, segment(request, "revision"))


def _rules(here: Visit, commit: pygit2.Commit, fields: dict[str, Any], name: str, path: str) -> str:
    """Take rules out of the request, else out of the repo."""
    if fields.get(name) is not None:
        return text_field(fields, name)
    return (read_small(here.git, commit, path, _MAX_RULES_FILE) or b"").decode("utf-8", "replace")


def _plan(
    git: pygit2.Repository, commit: pygit2.Commit, attributes: Attributes, ignores: Ignores, item: object
) -> dict[str, object]:
    if not isinstance(item, dict):
        raise bad_request("Each file must be an object")
    path, size = text_field(item, "path"), item.get("size")
    if not is_path(path):
        raise unprocessable(f"Invalid path: {ascii(path)[:200]}")
    if type(size) is not int or size < 0:
        raise bad_request("The size of a file must be a number")
    plan: dict[str, object] = {
        "path": path,
        "uploadMode": upload_mode(attributes, path, size, _sample(item)),
        "shouldIgnore": ignores.ignores(path),
    }
    entry = find(git, commit, path)
    if entry is not None and not entry.is_folder:
        plan["oid"] = entry.content_id
    return plan


def _sample(item: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(text_field(item, "sample", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_request("A sample must be base64") from error


async def commit(request: Request) -> Response:
    """Commit onto a branch, or as a new pull request."""
    with ExitStack() as stack:
        here = await run_in_threadpool(stack.enter_context, visit(request, _need(request)))
        await run_in_threadpool(_check_revision, request, here)
        draft = await run_in_threadpool(stack.enter_context, drafting(here.hub.folder, here.git))
        return await _commit(request, here, draft)


async def _commit(request: Request, here: Visit, draft: Draft) -> Response:
    body = CommitBody(here, draft, segment(request, "revision"))
    async for line in lines_of(request.stream()):
        await run_in_threadpool(body.take, line)
    return await run_in_threadpool(_finish, request, here, draft, body)


def _finish(request: Request, here: Visit, draft: Draft, body: CommitBody) -> Response:
    proposal = body.finish(here.caller.name or "")
    page = f"{base_url(request)}/{here.row.repo.page}"
    revision, number = segment(request, "revision"), None
    if flag(request, "create_pr"):
        number, oid = propose_commit(here, draft, resolve(draft.git, revision), proposal)
    else:
        oid = commit_to(draft, _branch(here.git, revision), proposal)
    tidy(here.git)
    answer = {"success": True, "commitOid": oid, "commitUrl": f"{page}/commit/{oid}", "hookOutput": ""}
    return json_response({**answer, "pullRequestUrl": f"{page}/discussions/{number}" if number else None})


def _branch(git: pygit2.Repository, revision: str) -> str:
    """Find the ref to commit to: a branch or a pull request, never a tag or a bare commit."""
    name = full_name(revision, git)
    if name is None or not name.startswith(("refs/heads/", "refs/pr/")):
        raise revision_not_found(revision)
    return name


def history(request: Request) -> Response:
    """List commits, newest first."""
    with visit(request) as here:
        head = starting_commit(request, here.git)
        start, size = page_start(request), _page_size(request)
        found = list_commits(here.git, head, start, size + 1)
        headers = page_link(request, head, start + size) if len(found) > size else {}
        return json_response([describe_commit(one) for one in found[:size]], headers=headers)


def _page_size(request: Request) -> int:
    text = request.query_params.get("limit", "")
    return min(max(int(text), 1), 1000) if text.isascii() and text.isdecimal() and len(text) < 6 else _PAGE


ROUTES = [
    Route(f"{API}/preupload/{REV}", takes_json(preupload), methods=["POST"]),
    Route(f"{API}/commit/{REV}", commit, methods=["POST"]),
    Route(f"{API}/commits/{REV}", history),
]
