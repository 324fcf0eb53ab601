"""git's smart HTTP protocol, served by ``git http-backend``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hfver.server.auth import Caller, check_files, check_write
from hfver.server.context import ServerContext
from hfver.server.git import pre_receive
from hfver.server.git.program import git_environment
from hfver.server.http.git_backend import BackendCall, run_backend
from hfver.server.http.repo_context import caller_of, find_repo, repo_id_of, server_of
from hfver.server.problems import Problem, unauthorized
from hfver.server.proposals.lookup import may_push_to
from hfver.server.routes.paths import PAGE
from hfver.server.storage.database import RepoRow

_PUSH = "git-receive-pack"
_SERVICES = ("git-upload-pack", _PUSH)
_PROTOCOL = re.compile(r"[a-z0-9=.:-]{1,100}")
_PACKAGE_PARENT = Path(__file__).resolve().parents[3]  # where the hook imports this package from
_MAX_PULLS = 5000  # Linux limits an environment variable to 128 KiB


async def info_refs(request: Request) -> Response:
    """Advertise refs."""
    service = request.query_params.get("service", "")
    if service not in _SERVICES:
        raise Problem(403, "Only git's smart protocol is served")
    call = await run_in_threadpool(_authorize, request, service, f"/info/refs?service={service}")
    return await run_backend(request, call)


async def rpc(request: Request) -> Response:
    """Fetch or push."""
    service = request.url.path.rpartition("/")[2]
    call = await run_in_threadpool(_authorize, request, service, f"/{service}")
    return await run_backend(request, call)


def _authorize(request: Request, service: str, target: str) -> BackendCall:
    """Check the caller's rights, and build the call with what the backend and the hook need to know of them."""
    caller = caller_of(request)
    row = find_repo(request, repo_id_of(request), caller)
    check_files(caller, row)
    server = server_of(request)
    pulls = _check_push(server, caller, row) if service == _PUSH else ""
    repo = server.folder.repo(row.repo.key)
    path, _, query = target.partition("?")
    backend = {
        "GIT_PROJECT_ROOT": str(repo.parent),
        "PATH_INFO": f"/{repo.name}{path}",
        "QUERY_STRING": query,
        "REMOTE_USER": caller.name or "anonymous",
        "GIT_HTTP_EXPORT_ALL": "1",
        # For the hook, which runs in a process of git and decides about each ref.
        "HFVER_PYTHON": sys.executable,
        "HFVER_HOOK_MODULE": pre_receive.__name__,
        "PYTHONPATH": str(_PACKAGE_PARENT),
        "HFVER_LFS_OBJECTS": str(server.folder.objects),
        "HFVER_KIND": row.repo.kind,
        "HFVER_READS_ALL": "1" if caller.is_owner else "",
        "HFVER_WRITES": "1" if caller.owns(row.repo.namespace) else "",
        "HFVER_PULLS": pulls,
        **_hook_settings(server.folder.hooks),
    }
    return BackendCall(repo, service == _PUSH, git_environment() | _client_settings(request) | backend)


def _check_push(server: ServerContext, caller: Caller, row: RepoRow) -> str:
    """Require the right to push to the repo or to a pull request; returns the refs of the pull requests."""
    if caller.anonymous:
        raise unauthorized("Invalid username or password.")
    pulls = [pull for pull in server.discussions.pull_requests(row.number) if pull.status != "merged"]
    permitted = [pull.ref for pull in pulls if may_push_to(pull, caller, row)]
    if not permitted:
        check_write(caller, row)
    return " ".join(permitted[:_MAX_PULLS])


def _hook_settings(hooks: Path) -> dict[str, str]:
    """Configure git by environment variables: hooks come from the Hub's folder, which any user may own."""
    # git refuses to work in a folder of another user unless it is declared safe.
    settings = {"core.hooksPath": str(hooks), "safe.directory": "*"}
    environment = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return environment


def _client_settings(request: Request) -> dict[str, str]:
    """Pass on those of the client's headers that are needed and harmless."""
    headers = request.headers
    settings = {"REQUEST_METHOD": request.method, "CONTENT_TYPE": headers.get("content-type", "")[:200]}
    if headers.get("content-encoding") in ("gzip", "x-gzip"):
        settings["HTTP_CONTENT_ENCODING"] = "gzip"
    if headers.get("content-length", "").isdecimal():
        settings["CONTENT_LENGTH"] = headers["content-length"]
    protocol = headers.get("git-protocol", "")
    return settings | ({"GIT_PROTOCOL": protocol} if _PROTOCOL.fullmatch(protocol) else {})


ROUTES = [
    route
    for suffix in (".git", "")
    for route in (
        Route(f"{PAGE}{suffix}/info/refs", info_refs),
        Route(f"{PAGE}{suffix}/git-upload-pack", rpc, methods=["POST"]),
        Route(f"{PAGE}{suffix}/git-receive-pack", rpc, methods=["POST"]),
    )
]
