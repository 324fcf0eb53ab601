"""An HTTP/1.1 proxy in front of a Hub that causes the faults that networks and overloaded Hubs cause.

Its address is the client's endpoint. The Host header is forwarded unchanged, so that the links in the Hub's answers
lead back to the proxy. Each connection carries one exchange.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from typing import BinaryIO
from urllib.parse import urlsplit

BLOCK = 16 * 1024


@dataclass
class Exchange:
    """A request that was received, and what was done with it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)
    at: float = field(default_factory=time.monotonic)
    forwarded: bool = False
    status: int | None = None
    sent: int = 0
    """Bytes of the answer's body that were sent to the client."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


class Dropped(Exception):
    """Raised to close the connection immediately."""


Fault = Callable[["Proxy", Exchange, socket.socket], None]


def answer(status: int, **headers: str) -> Fault:
    """Send an error in place of the Hub."""

    def act(proxy: Proxy, exchange: Exchange, client: socket.socket) -> None:
        exchange.status = status
        body = b"Too busy"
        lines = {"Content-Length": str(len(body)), "Connection": "close", **headers}
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        client.sendall(f"HTTP/1.1 {status} Fault\r\n{head}\r\n".encode() + (b"" if exchange.method == "HEAD" else body))

    return act


def drop(proxy: Proxy, exchange: Exchange, client: socket.socket) -> None:
    """Close the connection before the Hub receives the request."""
    raise Dropped


def reset(proxy: Proxy, exchange: Exchange, client: socket.socket) -> None:
    """Reset the connection before the Hub receives the request."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Dropped


def lose_reply(proxy: Proxy, exchange: Exchange, client: socket.socket) -> None:
    """Let the Hub process the request, and close the connection without sending its answer."""
    with proxy.forward(exchange) as answer:
        answer.read()
    raise Dropped


def cut(after: int) -> Fault:
    """Close the connection in the middle of the answer."""

    def act(proxy: Proxy, exchange: Exchange, client: socket.socket) -> None:
        with proxy.forward(exchange) as answer:
            proxy.relay(answer, exchange, client, limit=after)
        raise Dropped

    return act


def slow(seconds: float) -> Fault:
    """Forward after a delay."""

    def act(proxy: Proxy, exchange: Exchange, client: socket.socket) -> None:
        proxy.closing.wait(seconds)
        proxy.pass_on(exchange, client)

    return act


def trickle(seconds: float) -> Fault:
    """Send the answer's body byte by byte, with a pause after each."""

    def act(proxy: Proxy, exchange: Exchange, client: socket.socket) -> None:
        with proxy.forward(exchange) as answer:
            proxy.relay(answer, exchange, client, limit=0)
            while (byte := answer.read(1)) and not proxy.closing.wait(seconds):
                client.sendall(byte)
                exchange.sent += 1

    return act


def stall(proxy: Proxy, exchange: Exchange, client: socket.socket) -> None:
    """Send nothing, and keep the connection open."""
    proxy.hold(client)


def stall_after(size: int) -> Fault:
    """Send ``size`` bytes of the answer's body, then nothing, and keep the connection open."""

    def act(proxy: Proxy, exchange: Exchange, client: socket.socket) -> None:
        with proxy.forward(exchange) as answer:
            proxy.relay(answer, exchange, client, limit=size)
        proxy.hold(client)

    return act


@dataclass
class Rule:
    """The faults for the next requests whose "METHOD path" matches a pattern, and how many have been used."""

    pattern: re.Pattern[str]
    faults: Iterator[Fault]
    used: int = 0


class Proxy:
    """Forwards every request to a Hub, unless a rule causes a fault."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.exchanges: list[Exchange] = []
        self.rules: list[Rule] = []
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self) -> Proxy:
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.accepting.join()

    def on(self, pattern: str, *faults: Fault, times: int | None = 1) -> None:
        """Cause faults for the next requests that match, one each; with ``times=None``, repeat the last one forever."""
        series = list(faults) * (times or 1)

        def faults_in_turn() -> Iterator[Fault]:
            yield from series
            while times is None:
                yield series[-1]

        self.rules.append(Rule(re.compile(pattern), faults_in_turn()))

    @property
    def idle_rules(self) -> list[str]:
        """The patterns that no request has matched."""
        return [rule.pattern.pattern for rule in self.rules if not rule.used]

    def clear(self) -> None:
        """Remove all rules and recorded exchanges."""
        self.rules, self.exchanges = [], []

    def seen(self, pattern: str) -> list[Exchange]:
        """Return the recorded exchanges that match a pattern."""
        return [exchange for exchange in self.exchanges if re.search(pattern, exchange.name)]

    @contextmanager
    def forward(self, exchange: Exchange) -> Iterator[HTTPResponse]:
        """Send a request to the Hub and yield its answer."""
        connection = HTTPConnection(self.upstream, timeout=30)
        try:
            connection.putrequest(exchange.method, exchange.path, skip_host=True, skip_accept_encoding=True)
            for name, value in exchange.headers.items():
                if name not in ("connection", "transfer-encoding", "content-length"):
                    connection.putheader(name, value)
            if exchange.body or exchange.method in ("POST", "PUT"):
                connection.putheader("content-length", str(len(exchange.body)))
            connection.putheader("connection", "close")
            connection.endheaders(exchange.body)
            answer = connection.getresponse()
            exchange.forwarded = True
            yield answer
        finally:
            connection.close()

    def relay(self, answer: HTTPResponse, exchange: Exchange, client: socket.socket, limit: int | None = None) -> None:
        """Send the Hub's answer to the client, the body up to a limit."""
        exchange.status = answer.status
        kept = [(k, v) for k, v in answer.getheaders() if k.lower() not in ("connection", "transfer-encoding")]
        head = "".join(f"{name}: {value}\r\n" for name, value in [*kept, ("Connection", "close")])
        client.sendall(f"HTTP/1.1 {answer.status} {answer.reason}\r\n{head}\r\n".encode("latin-1"))
        while limit is None or exchange.sent < limit:
            block = answer.read(BLOCK if limit is None else min(BLOCK, limit - exchange.sent))
            if not block:
                return
            client.sendall(block)
            exchange.sent += len(block)

    def pass_on(self, exchange: Exchange, client: socket.socket) -> None:
        """Forward a request, and send the answer to the client."""
        with self.forward(exchange) as answer:
            self.relay(answer, exchange, client)

    def hold(self, client: socket.socket) -> None:
        """Keep a connection open until the client closes it or the test ends."""
        client.settimeout(0.1)
        while not self.closing.is_set():
            with suppress(TimeoutError):
                if not client.recv(BLOCK):
                    return

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError, Dropped):
            with client.makefile("rb") as reader:
                exchange = _read(reader)
            if exchange is None:
                return
            with self.lock:
                self.exchanges.append(exchange)
                fault = self._fault(exchange)
            if fault is None:
                self.pass_on(exchange, client)
            else:
                fault(self, exchange, client)

    def _fault(self, exchange: Exchange) -> Fault | None:
        for rule in self.rules:
            if rule.pattern.search(exchange.name) and (fault := next(rule.faults, None)) is not None:
                rule.used += 1
                return fault
        return None


def _read(reader: BinaryIO) -> Exchange | None:
    line = reader.readline().decode("latin-1").split()
    if len(line) != 3:
        return None
    headers: dict[str, str] = {}
    while header := reader.readline().decode("latin-1").strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return Exchange(line[0], line[1], headers, _body(reader, headers))


def _body(reader: BinaryIO, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return reader.read(int(headers.get("content-length", "0")))
    parts = []
    while size := int(reader.readline(), 16):
        parts.append(reader.read(size))
        reader.readline()
    reader.readline()
    return b"".join(parts)
