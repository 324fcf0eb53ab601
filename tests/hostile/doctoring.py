"""A Hub that lies: it hands everything on to a real one, and answers some requests in its own way."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "date", "server"}


@dataclass(frozen=True)
class Lie:
    """An answer: status, headers, body. ``{other}`` in a header is the address of another host."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Doctored:
    """Where it listens, which other host it points to, and which requests that one got."""

    url: str
    other: str
    strayed: list[tuple[str, str | None]]


@contextmanager
def doctored(real: str, path: str, lie: Lie | Callable[[bytes], bytes]) -> Iterator[Doctored]:
    """Serve ``real``, with a lie (or a change of the true body) for every path that matches."""
    strayed: list[tuple[str, str | None]] = []

    class Other(_Handler):
        def answer(self) -> None:
            strayed.append((self.path, self.headers.get("authorization")))
            self.reply(Lie(b"{}"), "")

    class Liar(_Handler):
        def answer(self) -> None:
            matches = re.search(path, self.path)
            if matches and isinstance(lie, Lie):
                self.take()
                self.reply(lie, other)
                return
            true = self.forward(real)
            self.reply(Lie(lie(true.body), true.status, true.headers) if matches and callable(lie) else true, other)

    with _serving(Other, "localhost") as other, _serving(Liar, "127.0.0.1") as url:
        yield Doctored(url, other, strayed)


class _Handler(BaseHTTPRequestHandler):
    def answer(self) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        self.answer()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass

    def take(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def forward(self, real: str) -> Lie:
        link = HTTPConnection(urlsplit(real).netloc, timeout=60)
        link.request(self.command, self.path, self.take() or None, dict(self.headers))
        answer = link.getresponse()
        body = answer.read()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP}
        link.close()
        return Lie(body, answer.status, kept)

    def reply(self, lie: Lie, other: str) -> None:
        self.send_response(lie.status)
        for name, value in lie.headers.items():
            self.send_header(name, value.replace("{other}", other))
        self.send_header("content-length", str(len(lie.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(lie.body)


@contextmanager
def _serving(handler: type[_Handler], host: str) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
