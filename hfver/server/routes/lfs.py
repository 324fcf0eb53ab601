"""Git-LFS: the batch endpoint, and the objects behind its signed links.

Transfers: ``basic`` for every client, and ``hfver-copy`` for the process that runs the Hub itself. The latter gets
file:// links into the Hub's folder. By either, an object is hashed before it enters the store.

An object can be read only through a repo that the caller may read and that contains, or once contained, a pointer to
it. Writing follows the rule in `storage.lfs_access`. Knowing a SHA-256 is not enough for either, and no response
reveals whether another repo has an object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hfver.server.http.repo_context import RepoContext, repo_context, server_of
from hfver.server.http.requests import base_url, json_endpoint, text_field
from hfver.server.http.send import send_content
from hfver.server.names import is_sha256
from hfver.server.problems import Problem, bad_request, unprocessable
from hfver.server.responses import json_response
from hfver.server.routes.paths import PAGE
from hfver.server.storage.lfs_access import is_referenced, may_refer, record_upload
from hfver.server.storage.lfs_store import Upload
from hfver.server.storage.pointers import Pointer

_TYPE = {"Content-Type": "application/vnd.git-lfs+json"}
_BLOCK = 1024 * 1024
_MAX_OBJECTS = 10_000
COPY = "hfver-copy"


@dataclass(frozen=True)
class _Batch:
    """What the objects of a batch have in common."""

    context: RepoContext
    base_url: str
    copies: bool
    """Whether files are copied by the file system instead of being sent."""


def batch(request: Request, fields: dict[str, Any]) -> Response:
    """Respond where each object is to be uploaded to, or downloaded from."""
    operation = text_field(fields, "operation")
    if operation not in ("upload", "download"):
        raise bad_request('"operation" must be upload or download')
    if text_field(fields, "hash_algo", "sha256") not in ("sha256", "sha_256"):
        raise Problem(409, "Only sha256 is supported")
    pointers = _pointers(fields)
    # A user who may only propose a commit needs to upload its objects too. Nobody can read them until it is committed.
    with repo_context(request, "propose" if operation == "upload" else "files") as context:
        common = _Batch(context, base_url(request), _copies(context, fields))
        if operation == "upload":
            present = context.server.link_objects(context.git, context.caller, pointers)
            if not common.copies:  # a copy may share the blocks of its source, and then needs no room
                context.server.lfs.check_room(sum(pointer.size for pointer in {*pointers} - {*present}))
            objects = [_upload(common, pointer, present) for pointer in pointers]
        else:
            objects = [_download(common, pointer) for pointer in pointers]
    transfer = COPY if common.copies else "basic"
    return json_response({"transfer": transfer, "objects": objects, "hash_algo": "sha256"}, headers=_TYPE)


def _pointers(fields: dict[str, Any]) -> list[Pointer]:
    objects = fields.get("objects")
    if not isinstance(objects, list) or len(objects) > _MAX_OBJECTS:
        raise bad_request(f'"objects" must be a list of at most {_MAX_OBJECTS} objects')
    return [_pointer(item) for item in objects]


def _pointer(item: object) -> Pointer:
    if not isinstance(item, dict):
        raise bad_request("Each object must be a JSON object with oid and size")
    oid, size = item.get("oid"), item.get("size")
    if not is_sha256(oid) or type(size) is not int or not 0 <= size < 2**63:
        raise unprocessable("An object needs the SHA-256 of its content as oid, and its size")
    return Pointer(str(oid), size)


def _copies(context: RepoContext, fields: dict[str, Any]) -> bool:
    """Return whether files may be copied by the file system: only for the process that runs this Hub."""
    transfers = fields.get("transfers")
    trusted = context.server.allows_copies and context.caller.is_owner
    return trusted and isinstance(transfers, list) and COPY in transfers


def _upload(common: _Batch, pointer: Pointer, present: Set[Pointer]) -> dict[str, object]:
    if pointer in present:
        return _object(pointer, {})
    store = common.context.server.lfs
    # Any other caller would learn from this that the store has an object with that hash.
    size = store.intact_size(pointer.oid) if common.context.caller.is_owner else None
    if size is not None and size != pointer.size:
        return _error(pointer, 422, f"The object has {size} bytes, not {pointer.size}")
    if not common.copies:
        links = {"upload": _link(common, "PUT", pointer), "verify": _link(common, "verify", pointer)}
        return _object(pointer, links)
    ticket = store.new_ticket()
    place = {"href": store.incoming(ticket).as_uri()}
    return _object(pointer, {"upload": place, "verify": _link(common, "verify", pointer, ticket)})


def _download(common: _Batch, pointer: Pointer) -> dict[str, object]:
    store = common.context.server.lfs
    if not is_referenced(common.context.git, pointer) or not store.has(pointer):
        return _error(pointer, 404, "Object does not exist")
    if common.copies:
        return _object(pointer, {"download": {"href": store.path(pointer.oid).as_uri()}})
    return _object(pointer, {"download": _link(common, "GET", pointer)})


def _object(pointer: Pointer, actions: Mapping[str, object]) -> dict[str, object]:
    answer: dict[str, object] = {"oid": pointer.oid, "size": pointer.size, "authenticated": True}
    return {**answer, "actions": actions} if actions else answer


def _error(pointer: Pointer, code: int, message: str) -> dict[str, object]:
    return {"oid": pointer.oid, "size": pointer.size, "error": {"code": code, "message": message}}


def _link(common: _Batch, action: str, pointer: Pointer, ticket: str = "") -> dict[str, object]:
    """Make a signed link. The Python client sends no Authorization with its PUT, so the link has to suffice."""
    repo = str(common.context.row.number)
    signed = common.context.server.auth.sign(action, pointer.oid, str(pointer.size), repo, ticket)
    facts = urlencode({"size": pointer.size, "repo": repo, **({"ticket": ticket} if ticket else {})})
    tail = "/verify" if action == "verify" else ""
    return {"href": f"{common.base_url}/lfs-objects/{pointer.oid}{tail}?{facts}&{signed}"}


@dataclass(frozen=True)
class _SignedLink:
    """What a link permits: an object, the number of the repo that it belongs to, and the ticket of a copy."""

    pointer: Pointer
    repo: int
    ticket: str


def _check_link(request: Request, action: str) -> _SignedLink:
    """Read a link, and require that this Hub signed it for the action.

    Raises:
        Problem: 403.
    """
    query, oid = request.query_params, str(request.path_params["oid"])
    size, repo, ticket = (query.get(name, "") for name in ("size", "repo", "ticket"))
    facts = (action, oid, size, repo, ticket)
    server_of(request).auth.check_signature(query.get("expires", ""), query.get("signature", ""), *facts)
    return _SignedLink(Pointer(oid, int(size)), int(repo), ticket)


async def upload(request: Request) -> Response:
    """Store an object. It is hashed while it is written, and published only if it is the announced one."""
    link, server = _check_link(request, "PUT"), server_of(request)
    with server.lfs.open_upload(link.pointer) as incoming:
        await _receive(request, incoming, link.pointer.size)
        await run_in_threadpool(server.lfs.publish, incoming, link.pointer)
        await run_in_threadpool(_record_upload, request, link)
    return Response(headers={"ETag": f'"{link.pointer.oid}"'})


def _record_upload(request: Request, link: _SignedLink) -> None:
    with server_of(request).open_repo_by_number(link.repo) as git:
        record_upload(git, link.pointer)


async def _receive(request: Request, incoming: Upload, limit: int) -> None:
    """Write the body in large blocks; the next one is received while a thread hashes and writes the current one."""
    writing: asyncio.Task[None] | None = None
    block, received = bytearray(), 0
    try:
        async for part in request.stream():
            block += part
            received += len(part)
            if received > limit:
                raise unprocessable(f"Size mismatch: more than {limit} bytes")
            if len(block) >= _BLOCK:
                if writing is not None:
                    await writing
                writing = asyncio.ensure_future(run_in_threadpool(incoming.write, block))
                block = bytearray()
        if writing is not None:
            await writing
        await run_in_threadpool(incoming.write, block)
    finally:
        if writing is not None:
            await asyncio.wait([writing])  # the file must stay open until the writing thread is done


def download(request: Request) -> Response:
    """Send an object, complete or by range."""
    link, server = _check_link(request, "GET"), server_of(request)
    pointer, store = link.pointer, server.lfs
    # A link outlives the repo that it was made for; what was deleted must not be served any more.
    if server.database.repo_by_number(link.repo) is None or not store.has(pointer):
        raise Problem(404, "Object does not exist", "EntryNotFound")
    return send_content(request, store.path(pointer.oid), pointer.size, {"ETag": f'"{pointer.oid}"'})


def verify(request: Request, fields: dict[str, Any]) -> Response:
    """Confirm that an upload has arrived. A file that the client copied is added to the store at this point."""
    link, store = _check_link(request, "verify"), server_of(request).lfs
    if _pointer(fields) != link.pointer:
        raise unprocessable("The link was made for another object")
    if link.ticket:
        store.accept_copy(link.ticket, link.pointer)
        _record_upload(request, link)
    with server_of(request).open_repo_by_number(link.repo) as git:
        if not store.has(link.pointer) or not may_refer(git, link.pointer):
            raise Problem(404, "Object does not exist")
    return json_response({}, headers=_TYPE)


ROUTES = [
    Route(f"{PAGE}.git/info/lfs/objects/batch", json_endpoint(batch), methods=["POST"]),
    Route(f"{PAGE}/info/lfs/objects/batch", json_endpoint(batch), methods=["POST"]),
    Route("/lfs-objects/{oid}", upload, methods=["PUT"]),
    Route("/lfs-objects/{oid}", download),
    Route("/lfs-objects/{oid}/verify", json_endpoint(verify), methods=["POST"]),
]
