"""Git-LFS: the batch endpoint, and the objects behind its signed links.

Adapters: ``basic`` for everybody, and ``hfver-copy`` for the process that runs the Hub itself. That one
is answered with file:// links into the Hub's folder; see `ObjectStore.adopt` for what is trusted.

Reading is guarded by reference: an object is handed out only through a repo that the caller may read and
that holds (or once held) a pointer to it. So is writing, see `holding`: knowing a SHA-256 is enough for neither,
and no answer tells whether another repo has an object.
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

from hfver.server.http.requests import Visit, base_url, hub_of, takes_json, text_field, visit
from hfver.server.http.send import send
from hfver.server.names import is_sha256
from hfver.server.problems import Problem, bad_request, unprocessable
from hfver.server.responses import json_response
from hfver.server.routes.paths import PAGE
from hfver.server.storage.lfs_access import claim, grant_upload, is_granted, refers_to
from hfver.server.storage.lfs_store import Intake
from hfver.server.storage.pointers import Pointer

_TYPE = {"Content-Type": "application/vnd.git-lfs+json"}
_BLOCK = 1024 * 1024
_MAX_OBJECTS = 10_000
COPY = "hfver-copy"


@dataclass(frozen=True)
class _Offer:
    """What is needed to make an object's links."""

    here: Visit
    base: str
    copies: bool


def batch(request: Request, fields: dict[str, Any]) -> Response:
    """Say where to put or get each object."""
    operation = text_field(fields, "operation")
    if operation not in ("upload", "download"):
        raise bad_request('"operation" must be upload or download')
    if text_field(fields, "hash_algo", "sha256") not in ("sha256", "sha_256"):
        raise Problem(409, "Only sha256 is supported")
    pointers = _pointers(fields)
    # Whoever may propose a commit may send what it points to; only with the commit can anybody read it.
    with visit(request, "propose" if operation == "upload" else "files") as here:
        offer = _Offer(here, base_url(request), _copies(here, fields))
        answer = _upload if operation == "upload" else _download
        have = claim(here, pointers) if operation == "upload" else set[Pointer]()
        objects = [answer(offer, pointer, have) for pointer in pointers]
    transfer = COPY if offer.copies else "basic"
    return json_response({"transfer": transfer, "objects": objects, "hash_algo": "sha256"}, headers=_TYPE)


def _pointers(fields: dict[str, Any]) -> list[Pointer]:
    objects = fields.get("objects")
    if not isinstance(objects, list) or len(objects) > _MAX_OBJECTS:
        raise bad_request('"objects" must be a list, and not a very long one')
    return [_pointer(item) for item in objects]


def _pointer(item: object) -> Pointer:
    if not isinstance(item, dict):
        raise bad_request("Each object must be an object with oid and size")
    oid, size = item.get("oid"), item.get("size")
    if not is_sha256(oid) or type(size) is not int or not 0 <= size < 2**63:
        raise unprocessable("An object needs the SHA-256 of its content as oid, and its size")
    return Pointer(str(oid), size)


def _copies(here: Visit, fields: dict[str, Any]) -> bool:
    """Tell whether files may go by file system: only for the process that runs this Hub."""
    transfers = fields.get("transfers")
    return here.hub.copies_locally and here.caller.is_owner and isinstance(transfers, list) and COPY in transfers


def _upload(offer: _Offer, pointer: Pointer, have: Set[Pointer]) -> dict[str, object]:
    if pointer in have:
        return _object(pointer, {})
    size = offer.here.hub.objects.size(pointer.oid) if offer.here.caller.is_owner else None
    if size is not None and size != pointer.size:
        return _refusal(pointer, 422, f"The object has {size} bytes, not {pointer.size}")
    if not offer.copies:
        links = {"upload": _link(offer, "PUT", pointer), "verify": _link(offer, "verify", pointer)}
        return _object(pointer, links)
    ticket = offer.here.hub.objects.ticket()
    place = {"href": offer.here.hub.objects.incoming(ticket).as_uri()}
    return _object(pointer, {"upload": place, "verify": _link(offer, "verify", pointer, ticket)})


def _download(offer: _Offer, pointer: Pointer, _: Set[Pointer]) -> dict[str, object]:
    objects = offer.here.hub.objects
    if not refers_to(offer.here.git, pointer) or not objects.has(pointer):
        return _refusal(pointer, 404, "Object does not exist")
    if offer.copies:
        return _object(pointer, {"download": {"href": objects.path(pointer.oid).as_uri()}})
    return _object(pointer, {"download": _link(offer, "GET", pointer)})


def _object(pointer: Pointer, actions: Mapping[str, object]) -> dict[str, object]:
    answer: dict[str, object] = {"oid": pointer.oid, "size": pointer.size, "authenticated": True}
    return {**answer, "actions": actions} if actions else answer


def _refusal(pointer: Pointer, code: int, message: str) -> dict[str, object]:
    return {"oid": pointer.oid, "size": pointer.size, "error": {"code": code, "message": message}}


def _link(offer: _Offer, action: str, pointer: Pointer, ticket: str = "") -> dict[str, object]:
    """Make a signed link: Python's client sends no Authorization with its PUT."""
    repo = str(offer.here.row.number)
    signed = offer.here.hub.gate.sign(action, pointer.oid, str(pointer.size), repo, ticket)
    facts = urlencode({"size": pointer.size, "repo": repo, **({"ticket": ticket} if ticket else {})})
    tail = "/verify" if action == "verify" else ""
    return {"href": f"{offer.base}/lfs-objects/{pointer.oid}{tail}?{facts}&{signed}"}


@dataclass(frozen=True)
class _Link:
    """What a signed link is about: an object, the number of the repo it was asked for, and a ticket to copy."""

    pointer: Pointer
    repo: int
    ticket: str


def _check_link(request: Request, action: str) -> _Link:
    """Accept a link that we signed."""
    query, oid = request.query_params, str(request.path_params["oid"])
    size, repo, ticket = (query.get(name, "") for name in ("size", "repo", "ticket"))
    facts = (action, oid, size, repo, ticket)
    hub_of(request).gate.check_signature(query.get("expires", ""), query.get("signature", ""), *facts)
    return _Link(Pointer(oid, int(size)), int(repo), ticket)


async def upload(request: Request) -> Response:
    """Take an object in: hashed while it is written, and published only when it is what was announced."""
    link, hub = _check_link(request, "PUT"), hub_of(request)
    with hub.objects.intake(link.pointer) as intake:
        await _pour(request, intake, link.pointer.size)
        await run_in_threadpool(hub.objects.publish, intake, link.pointer)
        await run_in_threadpool(grant_upload, hub, link.repo, link.pointer)
    return Response(headers={"ETag": f'"{link.pointer.oid}"'})


async def _pour(request: Request, intake: Intake, limit: int) -> None:
    """Write the body in large blocks; the next one is received while a thread hashes and writes this one."""
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
                writing = asyncio.ensure_future(run_in_threadpool(intake.write, block))
                block = bytearray()
        if writing is not None:
            await writing
        await run_in_threadpool(intake.write, block)
    finally:
        if writing is not None:
            await asyncio.wait([writing])  # the file must not be closed under the writing thread


def download(request: Request) -> Response:
    """Send an object, whole or by range."""
    pointer = _check_link(request, "GET").pointer
    store = hub_of(request).objects
    if not store.has(pointer):
        raise Problem(404, "Object does not exist", "EntryNotFound")
    return send(request, store.path(pointer.oid), pointer.size, {"ETag": f'"{pointer.oid}"'})


def verify(request: Request, fields: dict[str, Any]) -> Response:
    """Confirm that an upload has arrived; a file that was copied into place is taken over here."""
    link, hub = _check_link(request, "verify"), hub_of(request)
    if _pointer(fields) != link.pointer:
        raise unprocessable("The link was made for another object")
    if link.ticket:
        if not hub.objects.has(link.pointer):
            hub.objects.adopt(link.ticket, link.pointer)
        grant_upload(hub, link.repo, link.pointer)
    if not is_granted(hub, link.repo, link.pointer):
        raise Problem(404, "Object does not exist")
    return json_response({}, headers=_TYPE)


ROUTES = [
    Route(f"{PAGE}.git/info/lfs/objects/batch", takes_json(batch), methods=["POST"]),
    Route(f"{PAGE}/info/lfs/objects/batch", takes_json(batch), methods=["POST"]),
    Route("/lfs-objects/{oid}", upload, methods=["PUT"]),
    Route("/lfs-objects/{oid}", download),
    Route("/lfs-objects/{oid}/verify", takes_json(verify), methods=["POST"]),
]
