"""A proxy in front of a real Hub that forwards everything, except for some requests to which it gives false answers."""

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

HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length", "date", "server"}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status, headers, body. ``{other}`` in a header is replaced by the address of another host."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class LyingProxy:
    """A running proxy.

    Attributes:
        url: Its address.
        other: The address of another host, to which its answers can point.
        strayed: The requests that the other host received: path and Authorization header.
    """

    url: str
    other: str
    strayed: list[tuple[str, str | None]]


@contextmanager
def lying_proxy(real: str, path: str, lie: Answer | Callable[[bytes], bytes | Answer]) -> Iterator[LyingProxy]:
    """Proxy the Hub ``real``, with a false answer, or a change to the true one, for every path that matches."""
    strayed: list[tuple[str, str | None]] = []

    class Other(_Handler):
        def answer(self) -> None:
            strayed.append((self.path, self.headers.get("authorization")))
            self.reply(Answer(b"{}"), "")

    class Proxy(_Handler):
        def answer(self) -> None:
            matches = re.search(path, self.path)
            if matches and isinstance(lie, Answer):
                self.read_body()
                self.reply(lie, other)
                return
            answer = self.forward(real)
            if matches and callable(lie):
                told = lie(answer.body)
                answer = told if isinstance(told, Answer) else Answer(told, answer.status, answer.headers)
            self.reply(answer, other)

    with _serving(Other, "localhost") as other, _serving(Proxy, "127.0.0.1") as url:
        yield LyingProxy(url, other, strayed)


class _Handler(BaseHTTPRequestHandler):
    def answer(self) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        self.answer()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass

    def read_body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def forward(self, real: str) -> Answer:
        link = HTTPConnection(urlsplit(real).netloc, timeout=60)
        link.request(self.command, self.path, self.read_body() or None, dict(self.headers))
        answer = link.getresponse()
        # The answer to a HEAD has the length of a body that it does not have.
        body = answer.read() if self.command != "HEAD" else bytes(int(answer.getheader("content-length") or 0))
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        link.close()
        return Answer(body, answer.status, kept)

    def reply(self, lie: Answer, other: str) -> None:
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
