"""A Hub whose reads lag behind its writes, as those of a Hub with caches do."""

from __future__ import annotations

import json
import re
import socket
import time
from typing import Any

from tests.faults.proxy import Exchange, Proxy

REPO = re.compile(r"^/(?:api/models/)?(?P<repo>acme/[\w.-]+?)(?:\.git)?/")


class Lag:
    """A fault for every request to a Proxy: refs show the past, and what is new is not found.

    Args:
        seconds: How long a write stays invisible.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.stale = 0
        self._refs: dict[str, list[tuple[float, int, bytes]]] = {}
        self._commits: dict[str, float] = {}

    def __call__(self, proxy: Proxy, exchange: Exchange, client: socket.socket) -> None:
        repo = _repo_of(exchange)
        if repo is None:
            proxy.pass_on(exchange, client)
        elif exchange.method in ("GET", "HEAD"):
            self._read(proxy, exchange, client, repo)
        else:
            self._write(proxy, exchange, client, repo)

    def _read(self, proxy: Proxy, exchange: Exchange, client: socket.socket, repo: str) -> None:
        past = self._past(repo)
        is_refs = exchange.path.startswith("/api/") and "/refs?" in exchange.path
        new = [commit for commit, at in self._commits.items() if time.monotonic() - at < self.seconds]
        if past is not None and (is_refs or (past[0] != 200 and "/info/refs" not in exchange.path)):
            self.stale += 1
            _send(client, past[0], past[1], "" if past[0] == 200 else "RepoNotFound")
        elif any(commit in exchange.path for commit in new):
            self.stale += 1
            _send(client, 404, b'{"error": "Invalid rev id"}', "RevisionNotFound")
        else:
            proxy.pass_on(exchange, client)

    def _past(self, repo: str) -> tuple[int, bytes] | None:
        """Return the refs as they were before the writes that are still invisible; None if all are visible."""
        seen = self._refs.get(repo, [])
        invisible = [(status, body) for at, status, body in seen if time.monotonic() - at < self.seconds]
        return invisible[0] if invisible else None

    def _write(self, proxy: Proxy, exchange: Exchange, client: socket.socket, repo: str) -> None:
        status, body = _ask(proxy, exchange, f"/api/models/{repo}/refs?include_prs=1")
        with proxy.forward(exchange) as answer:
            data = answer.read()
            if answer.status < 300 and re.search(r"/create$|/branch/|/tag/|/commit/", exchange.path):
                self._refs.setdefault(repo, []).append((time.monotonic(), status, body))
                commit = json.loads(data).get("commitOid") if "/commit/" in exchange.path else None
                self._commits |= {commit: time.monotonic()} if commit else {}
            _send(client, answer.status, data, answer.getheader("X-Error-Code", ""))


def _repo_of(exchange: Exchange) -> str | None:
    if exchange.path.endswith("/api/repos/create"):
        made: dict[str, Any] = json.loads(exchange.body)
        return f"{made['organization']}/{made['name']}" if made.get("organization") else f"acme/{made['name']}"
    found = REPO.match(exchange.path)
    return found["repo"] if found else None


def _ask(proxy: Proxy, exchange: Exchange, path: str) -> tuple[int, bytes]:
    headers = {name: value for name, value in exchange.headers.items() if name in ("authorization", "host")}
    with proxy.forward(Exchange("GET", path, headers, b"")) as answer:
        return answer.status, answer.read()


def _send(client: socket.socket, status: int, body: bytes, code: str) -> None:
    error = f"X-Error-Code: {code}\r\n" if code else ""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{error}Content-Length: {len(body)}\r\n"
    client.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
