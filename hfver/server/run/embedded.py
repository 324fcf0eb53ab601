"""`EmbeddedHub`: a Hub that runs in this process for as long as a ``with`` block lasts."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from hfver.server.context import ServerContext
from hfver.server.errors import HubSetupError
from hfver.server.run.uvicorn_server import Server, bind, check_binding, make_server, url_of


class EmbeddedHub:
    """Runs a Hub on a folder, in a thread of this process, on an ephemeral loopback port.

    Example:
        >>> with EmbeddedHub("hub") as hub:
        ...     HfApi(endpoint=hub.url, token=hub.token).create_repo("me/model")

    Args:
        path: The Hub's folder; created if it is missing.
        users: Token by user name. Each user owns the namespace of that name. None leaves the users of the folder.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.

    Attributes:
        token: A token that may write to every namespace. Made for this object, and never stored.
        root: The Hub's folder.

    Raises:
        NotAHubError: The folder holds something that is not a Hub (raised by `start`).
        UnsafeBindingError: The address is not a loopback address, and no user has a token (raised by `start`).
        HubSetupError: The address or a user cannot be used (raised by `start`).
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        users: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.root = Path(path).expanduser().absolute()
        self.token = f"hf_{secrets.token_hex(20)}"
        self._users = None if users is None else dict(users)
        self._host, self._port = host, port
        self._url: str | None = None
        self._context: ServerContext | None = None
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The Hub's address, without a slash at the end, as HF_ENDPOINT takes it."""
        if self._url is None:
            raise HubSetupError("The Hub is not running")
        return self._url

    @property
    def id(self) -> str:
        """An identifier of the folder: the same whenever it is served, and different if it is deleted and recreated."""
        if self._context is None:
            raise HubSetupError("The Hub is not running")
        # Derived from the secret, which is random for each folder, without revealing it.
        return hashlib.sha256(b"id" + self._context.folder.secret()).hexdigest()[:16]

    def start(self) -> Self:
        """Open the folder and listen; returns as soon as requests are answered."""
        context = ServerContext(self.root, users=self._users, owner_token=self.token, allows_copies=True)
        try:
            check_binding(self._host, context.database.has_tokens())
            listener = bind(self._host, self._port)
        except BaseException:
            context.close()
            raise
        self._context, self._url = context, url_of(self._host, listener)
        self._serve(listener, context)
        return self

    def _serve(self, listener: socket.socket, context: ServerContext) -> None:
        server = make_server(context)
        self._server = server
        # A daemon thread, so that a program that ends without `stop` does not hang.
        self._thread = threading.Thread(target=server.run, args=([listener],), name="hfver-hub", daemon=True)
        self._thread.start()
        if not server.wait_until_ready(self._thread):
            listener.close()
            self.stop()
            raise HubSetupError("The Hub did not start")

    def stop(self) -> None:
        """Stop listening, finish the requests in progress, and close everything. May be called twice."""
        if self._server is not None and self._thread is not None:
            self._server.stop()
            self._thread.join()
        if self._context is not None:
            self._context.close()
        self._server = self._thread = self._context = self._url = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
