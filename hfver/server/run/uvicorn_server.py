"""Binding a socket, and running uvicorn on it so that it starts and stops without delay."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import signal
import socket
import threading
import time
from collections.abc import Iterable

import uvicorn

from hfver.server.app import make_app
from hfver.server.context import ServerContext
from hfver.server.errors import HubSetupError, UnsafeBindingError
from hfver.server.http.hosts import HostCheck
from hfver.server.run.bounded_protocol import protocol_class

_MANY_FILES = 65_536
_GRACE_SECONDS = 1.5  # enough for any commit; a long upload is cut off, and its client retries


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_binding(host: str, has_tokens: bool) -> None:
    """Require that no other machine can reach the Hub, unless a user has a token.

    Raises:
        UnsafeBindingError: Another machine could.
    """
    if not has_tokens and not is_loopback(host):
        raise UnsafeBindingError(f"refusing to listen on {host}: no user has a token; give each one with --users FILE")


def bind(host: str, port: int) -> socket.socket:
    """Listen on an address.

    Raises:
        HubSetupError: The address cannot be used.
    """
    if not 0 <= port < 65536:
        raise HubSetupError(f"cannot listen on {host}:{port}: there is no such port")
    try:
        (family, _, _, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        listener = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, OverflowError) as error:
        raise HubSetupError(f"cannot listen on {host}:{port}: {error}") from error
    try:
        # A restarted Hub can take its port again while connections of the previous one are closing.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(512)
    except OSError as error:
        listener.close()
        hint = "; choose another --port, or --port 0 for a free one" if error.errno == errno.EADDRINUSE else ""
        raise HubSetupError(f"cannot listen on {host}:{port}: {error}{hint}") from error
    return listener


def url_of(host: str, listener: socket.socket) -> str:
    """Build the URL of a listener; a wildcard address stays as it is."""
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def raise_file_limit() -> None:
    """Let this process have as many files open as it may: each connection is one, and the default is often 1,024."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, _MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # what the system does not grant stays as it was
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Server(uvicorn.Server):
    """uvicorn, stopped by an event instead of polling a flag ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then release `wait_until_ready`."""
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)
        self._ready.set()

    async def main_loop(self) -> None:
        """Wait until stopped; once a second, uvicorn updates its Date header and checks for signals."""
        assert self._wake is not None  # noqa: S101
        tick = 0
        while not await self.on_tick(tick * 10):
            tick += 1
            try:
                await asyncio.wait_for(self._wake.wait(), timeout=1.0)
            except TimeoutError:
                continue
            self._wake.clear()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listeners, let requests in progress finish for `_GRACE_SECONDS`, then cut them off."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        deadline = time.monotonic() + _GRACE_SECONDS
        while (state.connections or state.tasks) and time.monotonic() < deadline and not self.force_exit:
            await asyncio.sleep(0.005)
        for task in list(state.tasks):
            task.cancel()
        for connection in list(state.connections):
            connection.transport.close()
        # One turn of the loop, in which the canceled tasks clean up.
        await asyncio.sleep(0)

    def handle_exit(self, sig: int, frame: object) -> None:  # noqa: ARG002
        """Stop on a signal and return from `run`; uvicorn's handler raises the signal again before all is closed."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.stop()

    def stop(self) -> None:
        """Ask the server to stop. Callable from any thread."""
        self.should_exit = True
        if self._loop is not None and self._wake is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    def wait_until_ready(self, thread: threading.Thread) -> bool:
        """Wait until requests are answered; False if the server's thread died instead."""
        while not self._ready.wait(0.05):
            if not thread.is_alive():
                return False
        return True


def make_server(context: ServerContext, allowed_hosts: Iterable[str] = ()) -> Server:
    """Configure uvicorn for a Hub: without logging of its own, for HTTP alone.

    Args:
        context: The Hub.
        allowed_hosts: Names by which it may be addressed, beside those of this machine.
    """
    # Logging is configured by the program that runs the Hub. Clients reuse connections, so they are kept.
    app = make_app(context, HostCheck(allowed_hosts))
    config = uvicorn.Config(
        app, http=protocol_class(), log_config=None, log_level="critical", access_log=False, lifespan="off", ws="none",
        server_header=False, proxy_headers=False, timeout_keep_alive=75,
    )  # fmt: skip
    return Server(config)
