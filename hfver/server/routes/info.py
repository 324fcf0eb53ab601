"""Describing a repo in full, and listing repos."""

from __future__ import annotations

from typing import Any

import pygit2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hfver.server.auth import Caller, check_read
from hfver.server.git.refs import resolve_revision
from hfver.server.git.tensors import parameter_counts
from hfver.server.git.trees import TreeEntry, read_small_file, walk_tree
from hfver.server.http.repo_context import RepoContext, caller_of, repo_context, server_of
from hfver.server.http.requests import flag, segment
from hfver.server.problems import Problem
from hfver.server.responses import hub_date, json_response
from hfver.server.routes.paths import API, REV
from hfver.server.storage.card_metadata import MAX_CARD, CardError, read_metadata
from hfver.server.storage.database import RepoRow

_DEFAULT_PAGE, _MAX_PAGE = 1000, 1000
_ALWAYS = ("_id", "id", "modelId")


def info(request: Request) -> Response:
    """Describe a repo at a revision."""
    with repo_context(request) as context:
        revision = segment(request, "revision") if "revision" in request.path_params else "HEAD"
        commit = resolve_revision(context.git, revision)
        facts = {**_row_facts(context.row), **_commit_facts(context, commit, blobs=flag(request, "blobs"))}
        return json_response(_expanded(facts, _expand(request)))


def _expand(request: Request) -> list[str]:
    query = request.query_params
    return [*query.getlist("expand"), *query.getlist("expand[]")]


def _expanded(facts: dict[str, object], wanted: list[str]) -> dict[str, object]:
    """Keep only the requested keys, if any are requested."""
    return {key: value for key, value in facts.items() if not wanted or key in wanted or key in _ALWAYS}


def _row_facts(row: RepoRow) -> dict[str, object]:
    facts: dict[str, object] = {
        "_id": f"{row.number:024x}",  # 24 digits, like the object ids of huggingface.co
        "id": row.repo.id,
        "author": row.repo.namespace,
        "private": row.private,
        "gated": row.gated or False,
        "disabled": False,
        "downloads": 0,  # not counted
        "likes": 0,
        "createdAt": hub_date(row.created),
    }
    if row.repo.kind == "models":
        facts["modelId"] = row.repo.id
    if row.sdk:
        facts["sdk"] = row.sdk
    return facts


def _commit_facts(context: RepoContext, commit: pygit2.Commit, *, blobs: bool) -> dict[str, object]:
    entries = [entry for entry in walk_tree(context.git, commit, recursive=True) if not entry.is_folder]
    facts = {
        "sha": str(commit.id),
        "lastModified": hub_date(commit.commit_time),
        "siblings": [_sibling(entry, blobs) for entry in entries],
        "usedStorage": sum(entry.size for entry in entries),
        **_card_facts(context.git, commit),
    }
    counts = parameter_counts(context.git, context.server.lfs, entries) if context.row.repo.kind == "models" else None
    return {**facts, "safetensors": counts} if counts else facts


def _sibling(entry: TreeEntry, blobs: bool) -> dict[str, object]:
    sibling: dict[str, object] = {"rfilename": entry.path}
    if blobs:
        sibling |= {"size": entry.size, "blobId": entry.oid}
    if blobs and entry.pointer:
        sibling["lfs"] = {"sha256": entry.pointer.oid, "size": entry.size, "pointerSize": entry.git_size}
    return sibling


def _card_facts(git: pygit2.Repository, commit: pygit2.Commit) -> dict[str, Any]:
    """Read the metadata of the card; a card that is not valid has none."""
    text = (read_small_file(git, commit, "README.md", MAX_CARD) or b"").decode("utf-8", "replace")
    try:
        card = read_metadata(text)
    except CardError:
        return {"tags": []}
    if not isinstance(card.get("tags", []), list | str):
        del card["tags"]  # clients fail on any other type
    facts: dict[str, Any] = {"cardData": card} if card else {}
    for name in ("pipeline_tag", "library_name"):
        if isinstance(card.get(name), str):
            facts[name] = card[name]
    return {**facts, "tags": _tags(card)}


def _tags(card: dict[str, Any]) -> list[str]:
    own = card.get("tags")
    tags = [tag for tag in own if isinstance(tag, str)] if isinstance(own, list) else []
    tags += [str(card[name]) for name in ("library_name", "pipeline_tag") if isinstance(card.get(name), str)]
    if isinstance(card.get("license"), str):
        tags.append(f"license:{card['license']}")
    return list(dict.fromkeys(tags))


def listing(request: Request) -> Response:
    """List the repos that the caller may see."""
    query, caller = request.query_params, caller_of(request)
    rows = [row for row in server_of(request).database.repos(request.path_params["kind"]) if _visible(caller, row)]
    author, search = query.get("author", "").lower(), query.get("search", "").lower()
    rows = [row for row in rows if author in ("", row.repo.namespace.lower()) and search in row.repo.id.lower()]
    # Every repo is opened, because its last commit and its card are in git alone.
    facts = [facts for row in rows if (facts := _list_facts(request, row)) is not None]
    if query.get("sort") == "lastModified":
        facts.sort(key=lambda item: str(item["lastModified"]), reverse=query.get("direction") != "1")
    limit = query.get("limit", "")
    size = int(limit) if limit.isascii() and limit.isdecimal() and len(limit) < 6 else _DEFAULT_PAGE
    wanted = _expand(request)
    return json_response([_expanded(item, wanted) for item in facts[: min(size, _MAX_PAGE)]])


def _visible(caller: Caller, row: RepoRow) -> bool:
    try:
        check_read(caller, row)
    except Problem:
        return False
    return True


def _list_facts(request: Request, row: RepoRow) -> dict[str, object] | None:
    """Describe a repo for a list; None if it was deleted in the meantime, or its main branch."""
    try:
        with server_of(request).open_repo(row) as git:
            commit = resolve_revision(git, "HEAD")
            facts = {"sha": str(commit.id), "lastModified": hub_date(commit.commit_time)}
            return {**_row_facts(row), **facts, **_card_facts(git, commit)}
    except Problem:
        return None


ROUTES = [
    Route("/api/{kind:kind}", listing),
    Route(f"{API}/revision/{REV}", info),
    Route(API, info),
]
