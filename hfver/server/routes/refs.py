"""Branches, tags and pull request refs."""

from __future__ import annotations

import time
from typing import Any

import pygit2
from pygit2.enums import ObjectType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hfver.server.git.first_commit import signature
from hfver.server.git.repository import MAIN, RefMovedError, resolve, swap, writing
from hfver.server.http.requests import flag, segment, takes_json, text_field, visit
from hfver.server.names import is_ref
from hfver.server.problems import Problem, bad_request, conflict, revision_not_found
from hfver.server.responses import json_response
from hfver.server.routes.paths import API, REV

_FAMILIES = {
    "refs/heads/": "branches",
    "refs/tags/": "tags",
    "refs/convert/": "converts",
    "refs/pr/": "pullRequests",
}
_MAX_MESSAGE = 64 * 1024


def list_refs(request: Request) -> Response:
    """List all refs with their commits; annotated tags are seen through."""
    with visit(request) as here:
        answer: dict[str, list[object]] = {"branches": [], "converts": [], "tags": []}
        if flag(request, "include_prs"):
            answer["pullRequests"] = []
        for ref in here.git.references.iterator():
            family = "/".join(ref.name.split("/", 2)[:2]) + "/"
            shelf = answer.get(_FAMILIES.get(family, ""))
            if shelf is not None:
                shelf.append(_describe(ref, family))
        return json_response(answer)


def _describe(ref: pygit2.Reference, family: str) -> dict[str, object]:
    short = ref.name if family == "refs/pr/" else ref.name.removeprefix(family)
    return {"name": short, "ref": ref.name, "targetCommit": str(ref.peel().id)}


def create_branch(request: Request, fields: dict[str, Any]) -> Response:
    """Make a branch from a starting point (default: main)."""
    with visit(request, "write") as here:
        name = _ref_name("refs/heads/", segment(request, "branch"))
        if fields.get("emptyBranch"):
            start = _empty_commit(here.git, here.caller.name or "")
        else:
            start = resolve(here.git, text_field(fields, "startingPoint", "HEAD")).id
        _create(here.git, name, start, overwrite=bool(fields.get("overwrite")))
        return json_response({})


def _empty_commit(git: pygit2.Repository, author: str) -> pygit2.Oid:
    who = signature(author)
    return git.create_commit(None, who, who, "initial commit\n", git.TreeBuilder().write(), [])


def _ref_name(family: str, name: str) -> str:
    if not is_ref(name):
        raise bad_request(f"Invalid reference name: {ascii(name)[:200]}")
    return family + name


def _create(git: pygit2.Repository, name: str, target: pygit2.Oid, *, overwrite: bool) -> None:
    """Make a ref that does not exist yet, or, where asked, put it elsewhere."""
    with writing(git):
        current = git.references.get(name) if overwrite else None
        try:
            swap(git, name, current.target if current else None, target)  # type: ignore[arg-type]
        except RefMovedError as error:
            raise conflict(f"Reference {name} already exists") from error


def delete_branch(request: Request) -> Response:
    """Remove a branch other than main."""
    with visit(request, "write") as here:
        name = "refs/heads/" + segment(request, "branch")
        if name == MAIN:
            raise Problem(403, "Cannot delete refs/heads/main")
        _delete(here.git, name)
        return json_response({})


def _delete(git: pygit2.Repository, name: str) -> None:
    with writing(git):
        current = git.references.get(name) if is_ref(name.split("/", 2)[2]) else None
        if current is None:
            raise revision_not_found(name)
        try:
            swap(git, name, current.target, None)  # type: ignore[arg-type]
        except RefMovedError as error:
            raise conflict(f"Reference {name} was just changed") from error


def create_tag(request: Request, fields: dict[str, Any]) -> Response:
    """Tag a revision; with a message the tag is annotated."""
    with visit(request, "write") as here:
        name, message = text_field(fields, "tag"), text_field(fields, "message", "")
        ref = _ref_name("refs/tags/", name)
        target = resolve(here.git, segment(request, "revision")).id
        if here.git.references.get(ref) is not None:
            raise conflict(f"Reference {ref} already exists")
        if message:
            target = _annotate(here.git, name, target, message, here.caller.name or "")
        _create(here.git, ref, target, overwrite=False)
        return json_response({})


def _annotate(git: pygit2.Repository, name: str, target: pygit2.Oid, message: str, author: str) -> pygit2.Oid:
    """Write a tag object without its ref, which `_create` adds by compare-and-swap."""
    if "\x00" in message or len(message) > _MAX_MESSAGE:
        raise bad_request("The message must be a text, and not very long")
    who = f"{author} <{author}@users.noreply.localhost> {int(time.time())} +0000"
    text = f"object {target}\ntype commit\ntag {name}\ntagger {who}\n\n{message.rstrip()}\n"
    try:
        return git.write(ObjectType.TAG, text.encode())
    except UnicodeEncodeError as error:
        raise bad_request("The message is not valid text") from error


def delete_tag(request: Request) -> Response:
    """Remove a tag."""
    with visit(request, "write") as here:
        _delete(here.git, "refs/tags/" + segment(request, "revision"))
        return json_response({})


ROUTES = [
    Route(f"{API}/refs", list_refs),
    Route(f"{API}/branch/{{branch:path}}", takes_json(create_branch), methods=["POST"]),
    Route(f"{API}/branch/{{branch:path}}", delete_branch, methods=["DELETE"]),
    Route(f"{API}/tag/{REV}", takes_json(create_tag), methods=["POST"]),
    Route(f"{API}/tag/{REV}", delete_tag, methods=["DELETE"]),
]
