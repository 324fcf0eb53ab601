"""Git's own protocol, by ``git http-backend``."""

from __future__ import annotations

import asyncio
import fcntl
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hfver.server.access import Caller, check_files, check_write
from hfver.server.context import Hub
from hfver.server.git.program import GIT, git_environment
from hfver.server.git.repository import break_stale_locks
from hfver.server.http.requests import caller_of, find_repo, hub_of, repo_of
from hfver.server.problems import Problem, unauthorized
from hfver.server.proposals.propose import may_add
from hfver.server.routes.paths import PAGE
from hfver.server.storage.database import RepoRow

_SERVICES = ("git-upload-pack", "git-receive-pack")
_PROTOCOL = re.compile(r"[a-z0-9=.:-]{1,100}")
_PACKAGE_PARENT = Path(__file__).resolve().parents[3]  # where the hook finds this package
_BLOCK = 256 * 1024
_MAX_HEAD = 16 * 1024
_MAX_PULLS = 5000


@dataclass(frozen=True)
class _Call:
    """One call of http-backend."""

    repo: Path
    service: str
    environment: dict[str, str]


async def info_refs(request: Request) -> Response:
    """Advertise refs."""
    service = request.query_params.get("service", "")
    if service not in _SERVICES:
        raise Problem(403, "Only git's smart protocol is served")
    call = await run_in_threadpool(_admit, request, service, f"/info/refs?service={service}")
    return await _run(request, call)


async def rpc(request: Request) -> Response:
    """Fetch or push."""
    service = request.url.path.rpartition("/")[2]
    call = await run_in_threadpool(_admit, request, service, f"/{service}")
    return await _run(request, call)


def _admit(request: Request, service: str, target: str) -> _Call:
    caller = caller_of(request)
    row = find_repo(request, repo_of(request), caller)
    check_files(caller, row)
    hub = hub_of(request)
    pulls = _check_push(hub, caller, row) if service == "git-receive-pack" else ""
    repo = hub.folder.repo(row.repo.key)
    path, _, query = target.partition("?")
    backend = {
        "GIT_PROJECT_ROOT": str(repo.parent),
        "PATH_INFO": f"/{repo.name}{path}",
        "QUERY_STRING": query,
        "REMOTE_USER": caller.name or "anonymous",
        "GIT_HTTP_EXPORT_ALL": "1",
        "HFVER_PYTHON": sys.executable,
        "PYTHONPATH": str(_PACKAGE_PARENT),
        "HFVER_LFS_OBJECTS": str(hub.folder.objects),
        "HFVER_READS_ALL": "1" if caller.is_owner else "",
        "HFVER_WRITES": "1" if caller.owns(row.repo.namespace) else "",
        "HFVER_PULLS": pulls,
        **_hook_settings(hub.folder.hooks),
    }
    return _Call(repo, service, git_environment() | _client_settings(request) | backend)


def _check_push(hub: Hub, caller: Caller, row: RepoRow) -> str:
    """Admit a push by whoever may write the repo, or opened a pull request; return the latter's refs."""
    if caller.anonymous:
        raise unauthorized("Invalid username or password.")
    pulls = [pull for pull in hub.discussions.pulls(row.number) if pull.status != "merged"]
    own = [pull.ref for pull in pulls if may_add(pull, caller, row)]
    if not own:
        check_write(caller, row)
    return " ".join(own[:_MAX_PULLS])


def _hook_settings(hooks: Path) -> dict[str, str]:
    """Settings by environment: hooks come from the Hub's folder, and the folder may belong to anybody."""
    settings = {"core.hooksPath": str(hooks), "safe.directory": "*"}
    environment = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return environment


def _client_settings(request: Request) -> dict[str, str]:
    """Pass on what the client said, as far as it is needed and harmless."""
    headers = request.headers
    settings = {"REQUEST_METHOD": request.method, "CONTENT_TYPE": headers.get("content-type", "")[:200]}
    if headers.get("content-encoding") in ("gzip", "x-gzip"):
        settings["HTTP_CONTENT_ENCODING"] = "gzip"
    if headers.get("content-length", "").isdecimal():
        settings["CONTENT_LENGTH"] = headers["content-length"]
    protocol = headers.get("git-protocol", "")
    return settings | ({"GIT_PROTOCOL": protocol} if _PROTOCOL.fullmatch(protocol) else {})


async def _run(request: Request, call: _Call) -> Response:
    """Run http-backend, feeding it the request while its answer streams out."""
    stack = ExitStack()
    process = await run_in_threadpool(_start, call, stack)
    feeding = asyncio.ensure_future(_feed(request, process))
    try:
        status, headers, rest = await run_in_threadpool(_read_head, process.stdout)
    except BaseException:
        await _end(process, feeding, stack)
        raise
    return _Relay(_body(process, feeding, stack, rest), status, headers)


class _Relay(StreamingResponse):
    """Streams without listening for a disconnect: what the client still says is for the backend."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await self.stream_response(send)


def _start(call: _Call, stack: ExitStack) -> subprocess.Popen[bytes]:
    """Start the backend. A push holds push.lock for as long as its processes live, even without us."""
    locks = []
    if call.service == "git-receive-pack":
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
        pass_fds=locks,
    )


async def _feed(request: Request, process: subprocess.Popen[bytes]) -> None:
    """Write the body to the backend; one that stops reading has said all it wants to."""
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
    """Read the CGI headers; what follows them is the beginning of the body."""
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
) -> AsyncIterator[bytes]:
    assert process.stdout is not None  # noqa: S101
    try:
        yield rest
        while block := await run_in_threadpool(process.stdout.read1, _BLOCK):  # type: ignore[attr-defined]
            yield block
    finally:
        await _end(process, feeding, stack)


async def _end(process: subprocess.Popen[bytes], feeding: asyncio.Task[None], stack: ExitStack) -> None:
    """Collect the process, which has said all it has to say, or has lost its client."""
    feeding.cancel()
    await asyncio.wait([feeding])
    await run_in_threadpool(_collect, process, stack)


def _collect(process: subprocess.Popen[bytes], stack: ExitStack) -> None:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101
    process.stdout.close()
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _close(process.stdin)  # feeding may have been cancelled before it could
    stack.close()


ROUTES = [
    route
    for suffix in (".git", "")
    for route in (
        Route(f"{PAGE}{suffix}/info/refs", info_refs),
        Route(f"{PAGE}{suffix}/git-upload-pack", rpc, methods=["POST"]),
        Route(f"{PAGE}{suffix}/git-receive-pack", rpc, methods=["POST"]),
    )
]
