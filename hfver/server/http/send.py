"""Sending contents, complete or by range, from memory or from disk."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hfver.server.problems import Problem

_BLOCK = 1024 * 1024
_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*")


def send_content(request: Request, content: bytes | Path, size: int, headers: Mapping[str, str]) -> Response:
    """Respond with a content, or with the range of it that the request asks for.

    Args:
        request: Its headers Range, If-Range and If-None-Match apply.
        content: The bytes, or the file with the bytes.
        size: Length of the content in bytes.
        headers: Response headers, with an ETag that identifies exactly these bytes.

    Raises:
        Problem: 416 with the size, if the range lies outside the content.
    """
    headers = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream", **headers}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    selected = _range(request, size, headers["ETag"])
    start, stop = selected or (0, size)
    headers["Content-Length"] = str(stop - start)
    if selected is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    status = 206 if selected is not None else 200
    if isinstance(content, bytes):
        return Response(content[start:stop], status, headers)
    return _FileSlice(content, start, stop, status, headers)


def _range(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """Read the range; None for the whole content: no range, several, or a malformed one (RFC 9110, section 14.2)."""
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if found is None or request.headers.get("if-range", etag) != etag or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, stop = max(size - int(found[2]), 0), size
    else:
        start, stop = int(found[1]), min(int(found[2]) + 1 if found[2] else size, size)
        if found[2] and int(found[2]) < start:
            return None
    if start >= stop:
        raise Problem(416, "Range Not Satisfiable", headers={"Content-Range": f"bytes */{size}"})
    return start, stop


class _FileSlice(Response):
    """Streams part of a file; the next block is read while the current one is being sent."""

    def __init__(self, path: Path, start: int, stop: int, status: int, headers: Mapping[str, str]) -> None:
        super().__init__(status_code=status, headers=dict(headers))
        self._path, self._start, self._stop = path, start, stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        try:
            file = open(self._path, "rb", buffering=0)  # noqa: ASYNC230, PTH123, SIM115, RUF100
        except FileNotFoundError as error:
            raise Problem(404, "The object is gone", "EntryNotFound") from error
        with file:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                await self._send_body(file, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_body(self, file: BinaryIO, send: Send) -> None:
        file.seek(self._start)
        left = self._stop - self._start
        ahead = self._read(file, left)
        try:
            while left > 0:
                block = await ahead
                if not block:
                    raise OSError(f"{self._path} became shorter while it was being sent")
                left -= len(block)
                ahead = self._read(file, left)
                await send({"type": "http.response.body", "body": block, "more_body": True})
        finally:
            await asyncio.wait([ahead])  # the file must stay open until the reading thread is done

    @staticmethod
    def _read(file: BinaryIO, left: int) -> asyncio.Task[bytes]:
        return asyncio.ensure_future(run_in_threadpool(file.read, min(_BLOCK, left)))
