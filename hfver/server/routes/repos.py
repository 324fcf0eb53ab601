"""Creating, deleting and moving repos, and their settings."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hfver.server.auth import Caller, check_files, check_namespace, check_write
from hfver.server.http.repo_context import caller_of, find_repo, repo_context, repo_id_of, server_of
from hfver.server.http.requests import base_url, json_endpoint, text_field
from hfver.server.names import KINDS, RepoId, is_path, is_repo_id
from hfver.server.problems import Problem, bad_request, unauthorized, unprocessable
from hfver.server.responses import json_response
from hfver.server.routes.paths import API
from hfver.server.storage.pointers import parse_pointer

_VISIBILITIES = ("public", "private", "protected")
_GATES = {"auto": "auto", "manual": "manual", False: ""}


def _kind(fields: dict[str, Any]) -> str:
    kind = text_field(fields, "type", "model") + "s"
    if kind not in KINDS:
        raise bad_request("Invalid repo type")
    return kind


def _target(fields: dict[str, Any], caller: Caller) -> RepoId:
    """Read an id out of a body: name and organization, or both in the name."""
    name, organization = text_field(fields, "name"), text_field(fields, "organization", "")
    if not organization and "/" in name:
        organization, _, name = name.partition("/")
    return RepoId(_kind(fields), organization or caller.name or "", name)


def _parse_id(kind: str, text: str) -> RepoId:
    namespace, _, name = text.partition("/")
    return RepoId(kind, namespace, name)


def _check_name(repo: RepoId) -> None:
    if not is_repo_id(repo):
        raise bad_request(f"Invalid repo name: {ascii(repo.id)[:120]}")


def _logged_in(request: Request) -> Caller:
    caller = caller_of(request)
    if caller.anonymous:
        raise unauthorized("Invalid username or password.")
    return caller


def create(request: Request, fields: dict[str, Any]) -> Response:
    """Create a repo; 409 with its address if it exists."""
    caller = _logged_in(request)
    repo = _target(fields, caller)
    _check_name(repo)
    check_namespace(caller, repo.namespace, f'create a {repo.kind[:-1]} under the namespace "{repo.namespace}"')
    answer = {"url": f"{base_url(request)}/{repo.page}", "id": repo.id, "name": repo.id}
    private, sdk = _is_private(fields, default=False), text_field(fields, "sdk", "")
    files = _first_files(fields)
    try:
        server_of(request).create_repo(repo, private=private, sdk=sdk, author=caller.name or "", files=files)
    except Problem as problem:  # with exist_ok, clients read the URL from the body of the 409
        problem.body.update(answer)
        raise
    return json_response(answer)


def _is_private(fields: dict[str, Any], *, default: bool) -> bool:
    """Read ``visibility``, or ``private`` as older clients send it."""
    visibility = fields.get("visibility")
    if visibility is None:
        private = fields.get("private")
        if private is not None and not isinstance(private, bool):
            raise bad_request('"private" must be true or false')
        return default if private is None else private
    if visibility not in _VISIBILITIES:
        raise bad_request('"visibility" must be public or private')
    return bool(visibility != "public")


def _first_files(fields: dict[str, Any]) -> dict[str, bytes]:
    """Collect the files of the first commit other than .gitattributes."""
    files = dict(_first_file(item) for item in _list(fields, "files"))
    license_name = text_field(fields, "license", "")
    # It goes into YAML, so it must not contain anything that YAML could interpret.
    if license_name and license_name.replace("-", "").replace(".", "").isalnum():
        files.setdefault("README.md", f"---\nlicense: {license_name}\n---\n".encode())
    return files


def _list(fields: dict[str, Any], name: str) -> list[Any]:
    value = fields.get(name) or []
    if not isinstance(value, list):
        raise bad_request(f'"{name}" must be a list')
    return value


def _first_file(item: object) -> tuple[str, bytes]:
    """Read a file of the first commit. It must not be a pointer: nothing was uploaded to the new repo yet."""
    path, content = _first_content(item)
    if parse_pointer(content) is not None:
        raise unprocessable(f"{path}: an LFS file cannot be part of a new repo; upload and commit it")
    return path, content


def _first_content(item: object) -> tuple[str, bytes]:
    if not isinstance(item, dict) or not is_path(item.get("path")):
        raise unprocessable("Invalid path in files")
    content = text_field(item, "content")
    try:
        if item.get("encoding") == "base64":
            return item["path"], base64.b64decode(content, validate=True)
        return item["path"], content.encode()
    except (binascii.Error, ValueError) as error:
        raise bad_request("Invalid content in files") from error


def delete(request: Request, fields: dict[str, Any]) -> Response:
    """Delete a repo with its whole history."""
    caller = _logged_in(request)
    row = find_repo(request, _target(fields, caller), caller)
    check_write(caller, row)
    server_of(request).delete_repo(row)
    return json_response({})


def move(request: Request, fields: dict[str, Any]) -> Response:
    """Change a repo's id; the old one redirects."""
    caller = _logged_in(request)
    kind = _kind(fields)
    source = _parse_id(kind, text_field(fields, "fromRepo"))
    target = _parse_id(kind, text_field(fields, "toRepo"))
    _check_name(target)
    row = find_repo(request, source, caller)
    check_write(caller, row)
    check_namespace(caller, target.namespace, f'move a repo to the namespace "{target.namespace}"')
    server_of(request).move_repo(row, target)
    return json_response({"url": f"{base_url(request)}/{target.page}"})


def settings(request: Request, fields: dict[str, Any]) -> Response:
    """Change a repo's visibility and gating."""
    caller = caller_of(request)
    row = find_repo(request, repo_id_of(request), caller)
    check_write(caller, row)
    private, gated = _is_private(fields, default=row.private), fields.get("gated")
    if gated not in ("auto", "manual", False, None) or type(gated) is int:  # 0 equals False
        raise bad_request('"gated" must be auto, manual or false')
    server_of(request).database.update_settings(
        row.number, private=private, gated=row.gated if gated is None else _GATES[gated]
    )
    return json_response({"private": private, "gated": gated if gated is not None else row.gated or False})


def auth_check(request: Request) -> Response:
    """Respond whether the caller may read the repo's files."""
    with repo_context(request) as context:
        check_files(context.caller, context.row)
        return json_response({})


ROUTES = [
    Route("/api/repos/create", json_endpoint(create), methods=["POST"]),
    Route("/api/repos/delete", json_endpoint(delete), methods=["DELETE"]),
    Route("/api/repos/move", json_endpoint(move), methods=["POST"]),
    Route(f"{API}/settings", json_endpoint(settings), methods=["PUT"]),
    Route(f"{API}/auth-check", auth_check),
]
