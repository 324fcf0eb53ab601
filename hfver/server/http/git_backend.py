"""Running ``git http-backend`` (CGI): the request is fed to it while its response is streamed out."""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from hfver.server.git.program import GIT
from hfver.server.git.refs import break_stale_locks
from hfver.server.storage.folder import sync_changed_folders

_BLOCK = 256 * 1024
_MAX_HEAD = 16 * 1024


@dataclass(frozen=True)
class BackendCall:
    """One run of ``git http-backend``."""

    repo: Path
    is_push: bool
    environment: dict[str, str]


async def run_backend(request: Request, call: BackendCall) -> Response:
    """Run the backend, and stream its response."""
    stack, started = ExitStack(), time.time()
    process = await run_in_threadpool(_start, call, stack)
    feeding = asyncio.ensure_future(_feed(request, process))
    try:
        status, headers, rest = await run_in_threadpool(_read_head, process.stdout)
    except BaseException:
        await _end(process, feeding, stack)  # nothing else would, as no response takes the process over
        raise
    body = _body(process, feeding, stack, rest)
    return _Relay(_synced(body, call.repo, started) if call.is_push else body, status, headers)


class _Relay(StreamingResponse):
    """Streams without listening for a disconnect: what the client still sends is for the backend."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await self.stream_response(send)


def _start(call: BackendCall, stack: ExitStack) -> subprocess.Popen[bytes]:
    """Start the backend. A push holds push.lock for as long as its processes live, even if this one dies."""
    locks = []
    if call.is_push:
        break_stale_locks(call.repo)
        lock = stack.enter_context((call.repo / "push.lock").open("wb"))
        fcntl.flock(lock, fcntl.LOCK_SH)
        locks.append(lock.fileno())
    return subprocess.Popen(
        [GIT, "http-backend"],
        env=call.environment,
        cwd=call.repo,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=locks,  # the kernel keeps the lock until the last process with the handle ends
    )


async def _feed(request: Request, process: subprocess.Popen[bytes]) -> None:
    """Write the body to the backend. It may stop reading early, when it has all that it needs."""
    pipe = process.stdin
    assert pipe is not None  # noqa: S101
    try:
        async for block in request.stream():
            if block:
                await run_in_threadpool(_write, pipe, block)
    except OSError:
        pass
    finally:
        await run_in_threadpool(_close, pipe)


def _write(pipe: IO[bytes], block: bytes) -> None:
    pipe.write(block)


def _close(pipe: IO[bytes]) -> None:
    with suppress(OSError):
        pipe.close()


def _read_head(pipe: IO[bytes] | None) -> tuple[int, dict[str, str], bytes]:
    """Read the CGI headers; returns the status, the headers, and the start of the body."""
    assert pipe is not None  # noqa: S101
    data = b""
    while b"\r\n\r\n" not in data and len(data) < _MAX_HEAD:
        block = pipe.read1(_BLOCK)  # type: ignore[attr-defined]
        if not block:
            break
        data += block
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = [line.partition(":") for line in head.decode("latin-1").split("\r\n") if ":" in line]
    headers = {name.strip(): value.strip() for name, _, value in lines}
    status = headers.pop("Status", "200" if headers else "400")
    return int(status.split()[0]), headers, rest


async def _body(
    process: subprocess.Popen[bytes], feeding: asyncio.Task[None], stack: ExitStack, rest: bytes
) -> AsyncGenerator[bytes]:
    assert process.stdout is not None  # noqa: S101
    try:
        yield rest
        while block := await run_in_threadpool(process.stdout.read1, _BLOCK):  # type: ignore[attr-defined]
            yield block
    finally:
        await _end(process, feeding, stack)


async def _synced(body: AsyncGenerator[bytes], repo: Path, started: float) -> AsyncIterator[bytes]:
    """Pass a body on, and sync what the push wrote before its end, which the client waits for."""
    last = b""
    async with aclosing(body):  # also ends the backend if the client goes away
        async for block in body:
            if last:
                yield last
            last = block
    # File systems may keep times in steps of up to two seconds.
    await run_in_threadpool(sync_changed_folders, repo, started - 2)
    yield last


async def _end(process: subprocess.Popen[bytes], feeding: asyncio.Task[None], stack: ExitStack) -> None:
    """Reap the process, whether it is done or its client is gone."""
    feeding.cancel()
    await asyncio.wait([feeding])
    await run_in_threadpool(_reap, process, stack)


def _reap(process: subprocess.Popen[bytes], stack: ExitStack) -> None:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101
    process.stdout.close()
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _close(process.stdin)  # feeding may have been canceled before it did
    stack.close()
