"""The HTTP protocol of a connection, bounded: how large headers may be, how long they may take, how many may wait."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADERS = 64 * 1024
"""Largest request line with headers, in bytes: huggingface_hub's have about 1 kB, nginx allows 32 kB."""
HEADER_SECONDS = 20.0
"""Seconds that a client may take from its first byte, or from connecting, to the end of the headers."""
MAX_WAITING = 256
"""Connections that may be open without having sent a request; beyond it, the oldest is closed."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which by itself reads headers without end and waits forever for a first request.

    The bounds are on headers alone: a body may take as long as it needs, and its size is checked by the routes.
    """

    waiting: OrderedDict[int, BoundedProtocol]
    """The connections of a server that have not sent a request yet, oldest first; set by `protocol_class`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._header_bytes = 0
        self._in_headers = True
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection; if too many wait for a request, close the one that waits longest."""
        super().connection_made(transport)
        self.waiting[id(self)] = self
        self._expect_headers()
        if len(self.waiting) > MAX_WAITING:
            _, oldest = self.waiting.popitem(last=False)
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what was received; close a connection whose headers are too large."""
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        # What is parsed by now may have been a complete request, with a part of its body in the same data.
        if self._in_headers and self._header_bytes > MAX_HEADERS and not self.transport.is_closing():
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """Start the clock for the headers of a further request on the same connection."""
        super().on_message_begin()
        if not self._in_headers:
            self._expect_headers()

    def on_headers_complete(self) -> None:
        """Stop the clock."""
        self._in_headers = False
        self._header_bytes = 0
        self._stop_waiting()
        super().on_headers_complete()

    def _expect_headers(self) -> None:
        self._in_headers = True
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _stop_waiting(self) -> None:
        self.waiting.pop(id(self), None)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        if self._in_headers and not self.transport.is_closing():
            self._refuse(b"408 Request Timeout")

    def _refuse(self, status: bytes) -> None:
        self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()


def protocol_class() -> type[BoundedProtocol]:
    """Return a protocol class for one server, whose connections are counted apart from those of others."""
    return type("BoundedProtocol", (BoundedProtocol,), {"waiting": OrderedDict()})
