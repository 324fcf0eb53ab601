"""Sending contents, whole or by range, from memory or straight off the disk."""

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


def send(request: Request, content: bytes | Path, size: int, headers: Mapping[str, str]) -> Response:
    """Answer with a content or the range of it that was asked for.

    Args:
        request: For Range, If-Range and If-None-Match.
        content: The bytes, or the file that holds them.
        size: Length of the content.
        headers: With ETag, which names exactly these bytes.

    Raises:
        Problem: 416 with the size, when the range lies outside.
    """
    headers = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream", **headers}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    wanted = _range(request, size, headers["ETag"])
    start, stop = wanted or (0, size)
    headers["Content-Length"] = str(stop - start)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    status = 206 if wanted is not None else 200
    if isinstance(content, bytes):
        return Response(content[start:stop], status, headers)
    return _FileSlice(content, start, stop, status, headers)


def _range(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """Read one range; None for the whole (no range, several, or one that is no range: RFC 9110, 14.2)."""
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
    """Streams part of a file; the next block is read while this one is on its way."""

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
                    raise OSError(f"{self._path} is shorter than it was")
                left -= len(block)
                ahead = self._read(file, left)
                await send({"type": "http.response.body", "body": block, "more_body": True})
        finally:
            await asyncio.wait([ahead])  # the file must not be closed under the reading thread

    @staticmethod
    def _read(file: BinaryIO, left: int) -> asyncio.Task[bytes]:
        return asyncio.ensure_future(run_in_threadpool(file.read, min(_BLOCK, left)))
