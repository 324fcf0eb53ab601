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

from hfver.server.git.attributes import AttributeRules, IgnoreRules, upload_mode
from hfver.server.git.commit import commit_to_ref
from hfver.server.git.history import describe_commit, list_commits
from hfver.server.git.pack import StagedObjects, combine_packs, stage_objects
from hfver.server.git.refs import full_ref_name, resolve_revision
from hfver.server.git.trees import find_entry, read_small_file
from hfver.server.http.commit_body import CommitBody, lines_of
from hfver.server.http.paging import page_commit, page_link, page_start
from hfver.server.http.repo_context import RepoContext, repo_context
from hfver.server.http.requests import base_url, flag, json_endpoint, segment, text_field
from hfver.server.names import is_path
from hfver.server.problems import bad_request, revision_not_found, unprocessable
from hfver.server.proposals.create import open_pull_request_with
from hfver.server.proposals.lookup import check_push_to
from hfver.server.responses import json_response
from hfver.server.routes.paths import API, REV

_PAGE = 50
_MAX_RULES_FILE = 1024 * 1024


def preupload(request: Request, fields: dict[str, Any]) -> Response:
    """Respond for each file whether it goes to Git-LFS, whether it is ignored, and what its path contains now."""
    with repo_context(request, _right(request)) as context:
        _check_revision(request, context)
        commit = resolve_revision(context.git, _target(request, context.git))
        attributes = AttributeRules(_rules(context, commit, fields, "gitAttributes", ".gitattributes"))
        ignores = IgnoreRules(_rules(context, commit, fields, "gitIgnore", ".gitignore"))
        files = fields.get("files")
        if not isinstance(files, list):
            raise bad_request('"files" must be a list')
        answers = [_plan(context.git, commit, attributes, ignores, item) for item in files]
        return json_response({"files": answers, "commitOid": str(commit.id)})


def _right(request: Request) -> str:
    """Return the right that the request needs. `check_push_to` decides about a pull request that exists."""
    is_pull = segment(request, "revision").startswith("refs/pr/")
    return "propose" if flag(request, "create_pr") or is_pull else "write"


def _check_revision(request: Request, context: RepoContext) -> None:
    if not flag(request, "create_pr"):
        check_push_to(context, segment(request, "revision"))


def _rules(context: RepoContext, commit: pygit2.Commit, fields: dict[str, Any], name: str, path: str) -> str:
    """Read rules from the request, else from the repo."""
    if fields.get(name) is not None:
        return text_field(fields, name)
    return (read_small_file(context.git, commit, path, _MAX_RULES_FILE) or b"").decode("utf-8", "replace")


def _plan(
    git: pygit2.Repository, commit: pygit2.Commit, attributes: AttributeRules, ignores: IgnoreRules, item: object
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
    entry = find_entry(git, commit, path)
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
        context = await run_in_threadpool(stack.enter_context, repo_context(request, _right(request)))
        await run_in_threadpool(_check_revision, request, context)
        staged = await run_in_threadpool(stack.enter_context, stage_objects(context.server.folder, context.git))
        return await _commit(request, context, staged)


async def _commit(request: Request, context: RepoContext, staged: StagedObjects) -> Response:
    body = CommitBody(context, staged, _target(request, context.git))
    async for line in lines_of(request.stream()):
        await run_in_threadpool(body.add_line, line)
    return await run_in_threadpool(_finish, request, context, staged, body)


def _finish(request: Request, context: RepoContext, staged: StagedObjects, body: CommitBody) -> Response:
    new = body.finish()
    page = f"{base_url(request)}/{context.row.repo.page}"
    revision, number = _target(request, context.git), None
    if flag(request, "create_pr"):
        number, oid = open_pull_request_with(context, staged, resolve_revision(staged.git, revision), new)
    else:
        oid = commit_to_ref(staged, _branch(revision), new)
    combine_packs(context.git)
    answer = {"success": True, "commitOid": oid, "commitUrl": f"{page}/commit/{oid}", "hookOutput": ""}
    return json_response({**answer, "pullRequestUrl": f"{page}/discussions/{number}" if number else None})


def _target(request: Request, git: pygit2.Repository) -> str:
    """Return the full name of the ref that the request wants to commit to, or the revision if there is no such ref."""
    revision = segment(request, "revision")
    return full_ref_name(git, revision, to_write=True) or revision


def _branch(revision: str) -> str:
    """Require the ref to commit to: a branch or a pull request, never a tag or a bare commit."""
    if not revision.startswith(("refs/heads/", "refs/pr/")):
        raise revision_not_found(revision)
    return revision


def history(request: Request) -> Response:
    """List commits, newest first."""
    with repo_context(request) as context:
        head = page_commit(request, context.git)
        start, size = page_start(request), _page_size(request)
        found = list_commits(context.git, head, start, size + 1)
        headers = page_link(request, head, start + size) if len(found) > size else {}
        return json_response([describe_commit(one) for one in found[:size]], headers=headers)


def _page_size(request: Request) -> int:
    text = request.query_params.get("limit", "")
    return min(max(int(text), 1), 1000) if text.isascii() and text.isdecimal() and len(text) < 6 else _PAGE


ROUTES = [
    Route(f"{API}/preupload/{REV}", json_endpoint(preupload), methods=["POST"]),
    Route(f"{API}/commit/{REV}", commit, methods=["POST"]),
    Route(f"{API}/commits/{REV}", history),
]
