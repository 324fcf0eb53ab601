"""Branches, tags and pull request refs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pygit2
from pygit2.enums import ObjectType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hfver.server.git.first_commit import signature
from hfver.server.git.refs import MAIN, RefMovedError, resolve_revision, target_id, update_ref, write_lock
from hfver.server.http.repo_context import repo_context
from hfver.server.http.requests import flag, json_endpoint, segment, text_field
from hfver.server.names import is_ref
from hfver.server.problems import Problem, bad_request, conflict, revision_not_found
from hfver.server.responses import json_response
from hfver.server.routes.paths import API, REV
from hfver.server.storage.folder import sync_loose_object

_FAMILIES = {
    "refs/heads/": "branches",
    "refs/tags/": "tags",
    "refs/convert/": "converts",
    "refs/pr/": "pullRequests",
}
_MAX_MESSAGE = 64 * 1024


def list_refs(request: Request) -> Response:
    """List all refs with their commits; for an annotated tag, the commit that is tagged."""
    with repo_context(request) as context:
        answer: dict[str, list[object]] = {"branches": [], "converts": [], "tags": []}
        if flag(request, "include_prs"):
            answer["pullRequests"] = []
        for ref in context.git.references.iterator():
            family = "/".join(ref.name.split("/", 2)[:2]) + "/"
            # Refs of other families, and pull requests unless they are asked for, have no list.
            group = answer.get(_FAMILIES.get(family, ""))
            if group is not None:
                group.append(_describe(context.git, ref, family))
        return json_response(answer)


def _describe(git: pygit2.Repository, ref: pygit2.Reference, family: str) -> dict[str, object]:
    # The Hub gives the full name for a pull request, and the short one for all others.
    short = ref.name if family == "refs/pr/" else ref.name.removeprefix(family)
    return {"name": short, "ref": ref.name, "targetCommit": str(target_id(git, ref))}


def create_branch(request: Request, fields: dict[str, Any]) -> Response:
    """Create a branch at a starting point (default: main)."""
    with repo_context(request, "write") as context:
        name = _ref_name("refs/heads/", segment(request, "branch"))
        if fields.get("emptyBranch"):
            start = _empty_commit(context.git, context.user)
        else:
            start = resolve_revision(context.git, text_field(fields, "startingPoint", "HEAD")).id
        _create(context.git, name, start, overwrite=bool(fields.get("overwrite")))
        return json_response({})


def _empty_commit(git: pygit2.Repository, author: str) -> pygit2.Oid:
    who = signature(author)
    return git.create_commit(None, who, who, "initial commit\n", git.TreeBuilder().write(), [])


def _ref_name(family: str, name: str) -> str:
    if not is_ref(name):
        raise bad_request(f"Invalid reference name: {ascii(name)[:200]}")
    return family + name


def _create(git: pygit2.Repository, name: str, target: pygit2.Oid, *, overwrite: bool) -> None:
    """Create a ref; move one that exists only if `overwrite` is set.

    Raises:
        Problem: 409 if it exists.
    """
    with write_lock(git):
        current = git.references.get(name) if overwrite else None
        try:
            update_ref(git, name, current.target if current else None, target)  # type: ignore[arg-type]
        except RefMovedError as error:
            raise conflict(f"Reference {name} already exists") from error


def delete_branch(request: Request) -> Response:
    """Delete a branch other than main."""
    with repo_context(request, "write") as context:
        name = "refs/heads/" + segment(request, "branch")
        if name == MAIN:
            raise Problem(403, "Cannot delete refs/heads/main")
        _delete(context.git, name)
        return json_response({})


def _delete(git: pygit2.Repository, name: str) -> None:
    with write_lock(git):
        current = git.references.get(name) if is_ref(name.split("/", 2)[2]) else None
        if current is None:
            raise revision_not_found(name)
        try:
            update_ref(git, name, current.target, None)  # type: ignore[arg-type]
        except RefMovedError as error:
            raise conflict(f"Reference {name} was just changed") from error


def create_tag(request: Request, fields: dict[str, Any]) -> Response:
    """Tag a revision. With a message, the tag is annotated."""
    with repo_context(request, "write") as context:
        name, message = text_field(fields, "tag"), text_field(fields, "message", "")
        ref = _ref_name("refs/tags/", name)
        target = resolve_revision(context.git, segment(request, "revision")).id
        if context.git.references.get(ref) is not None:
            raise conflict(f"Reference {ref} already exists")
        if message:
            target = _annotate(context.git, name, target, message, context.user)
        _create(context.git, ref, target, overwrite=False)
        return json_response({})


def _annotate(git: pygit2.Repository, name: str, target: pygit2.Oid, message: str, author: str) -> pygit2.Oid:
    """Write a tag object. Its ref is left to `_create`, which does not overwrite one."""
    if "\x00" in message or len(message) > _MAX_MESSAGE:
        raise bad_request(f"The message must have at most {_MAX_MESSAGE} characters, none of them NUL")
    who = f"{author} <{author}@users.noreply.localhost> {int(time.time())} +0000"
    text = f"object {target}\ntype commit\ntag {name}\ntagger {who}\n\n{message.rstrip()}\n"
    try:
        oid = git.write(ObjectType.TAG, text.encode())
    except UnicodeEncodeError as error:
        raise bad_request("The message is not valid text") from error
    # libgit2 syncs the object and the folder that has it, but not the name of that folder if it is new.
    sync_loose_object(Path(git.path), str(oid))
    return oid


def delete_tag(request: Request) -> Response:
    """Delete a tag."""
    with repo_context(request, "write") as context:
        _delete(context.git, "refs/tags/" + segment(request, "revision"))
        return json_response({})


ROUTES = [
    Route(f"{API}/refs", list_refs),
    Route(f"{API}/branch/{{branch:path}}", json_endpoint(create_branch), methods=["POST"]),
    Route(f"{API}/branch/{{branch:path}}", delete_branch, methods=["DELETE"]),
    Route(f"{API}/tag/{REV}", json_endpoint(create_tag), methods=["POST"]),
    Route(f"{API}/tag/{REV}", delete_tag, methods=["DELETE"]),
]
