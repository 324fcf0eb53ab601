"""Reading requests: path parameters, JSON bodies, forms and query parameters."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from hfver.server.problems import Problem, bad_request

# Bytes, and many times what clients send: they split long lists of files into batches.
MAX_JSON = 32 * 1024 * 1024
JsonHandler = Callable[[Request, dict[str, Any]], Response]


def base_url(request: Request) -> str:
    """Return the Hub's address as the client wrote it, for links in responses."""
    return str(request.base_url).rstrip("/")


def segment(request: Request, name: str) -> str:
    """Read a path parameter. Routes match the quoted path, so that ``refs%2Fpr%2F1`` is one segment.

    Raises:
        Problem: 400 if it is not UTF-8.
    """
    try:
        return unquote(request.path_params[name], errors="strict")
    except UnicodeDecodeError as error:
        raise bad_request("The path is not UTF-8") from error


def flag(request: Request, name: str) -> bool:
    """Read a yes-or-no query parameter, in any of the spellings that clients use."""
    return request.query_params.get(name, "").lower() in ("1", "true", "yes")


async def read_body(request: Request, limit: int = MAX_JSON) -> bytes:
    """Read a body of at most `limit` bytes.

    Raises:
        Problem: 413.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise Problem(413, f"The body is larger than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


def parse_json(data: bytes) -> Any:
    """Parse JSON.

    Raises:
        Problem: 400.
    """
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise bad_request("Invalid JSON") from error


def parse_object(data: bytes) -> dict[str, Any]:
    """Parse a JSON object; an empty body counts as an empty object.

    Raises:
        Problem: 400.
    """
    value = parse_json(data) if data.strip() else {}
    if not isinstance(value, dict):
        raise bad_request("Expected a JSON object")
    return value


def parse_form(data: bytes) -> dict[str, Any]:
    """Parse a form; each field becomes a list of strings.

    Raises:
        Problem: 400.
    """
    try:
        fields = parse_qs(data.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise bad_request("Invalid form") from error
    return dict(fields)


def json_endpoint(handler: JsonHandler) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint of a blocking function that takes the request and the fields of its JSON object or form."""

    async def endpoint(request: Request) -> Response:
        data = await read_body(request)
        is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        fields = parse_form(data) if is_form else parse_object(data)
        return await run_in_threadpool(handler, request, fields)

    return endpoint


def text_field(fields: dict[str, Any], name: str, default: str | None = None) -> str:
    """Read a string out of a JSON object.

    Raises:
        Problem: 400 if it is not a string, or is missing and has no default.
    """
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise bad_request(f'"{name}" must be a string')
    return value
