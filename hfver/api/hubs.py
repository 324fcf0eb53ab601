"""The embedded Hub as users meet it: a folder that is served for as long as it is needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from hfver.errors import UsageError
from hfver.hub import Hub
from hfver.hub.loopback import serving

__all__ = ["HubLike", "LocalHub", "PathLike", "open_hub", "serve"]

PathLike = str | os.PathLike[str]
HubLike = PathLike | None


class LocalHub:
    """An embedded Hub on loopback for as long as a ``with`` block lasts.

    Any Hugging Face client can talk to it at ``url`` with ``token``, which may write every namespace.

    Args:
        path: The Hub's folder; made if it does not exist.
        users: Name to token: users who own the namespace of their name.

    Raises:
        UsageError: The folder holds something else, or the extra ``server`` is not installed.
    """

    def __init__(self, path: PathLike, *, users: Mapping[str, str] | None = None) -> None:
        server = _server()
        self.path = Path(path)
        self._server = server.EmbeddedHub(self.path, users=users)
        self._reached = ExitStack()

    def __enter__(self) -> LocalHub:
        with _told_apart():
            self._server.start()
        self._reached.enter_context(serving(self.url))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reached.close()
        self._server.stop()

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def url(self) -> str:
        """The endpoint: ``http://127.0.0.1:PORT``."""
        return str(self._server.url)

    @property
    def token(self) -> str:
        """A token that may write every namespace; made for this process, stored nowhere."""
        return str(self._server.token)

    @property
    def identity(self) -> str:
        """A name that stays the same whenever this folder is served."""
        return f"hub-{self._server.id}"


def serve(
    root: PathLike,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    users: Mapping[str, str] | None = None,
    allowed_hosts: Sequence[str] = (),
    announce: Callable[[str, str | None], None],
) -> None:
    """Serve an embedded Hub until stopped.

    Args:
        root: Its folder; made if it does not exist.
        host: Address to listen on; beyond loopback at least one user must be configured.
        port: Port; 0 takes a free one.
        users: Name to token. Who had one in an earlier run and is not among them loses it.
        allowed_hosts: Names by which clients address it, beside those of this machine: that of a proxy in front.
        announce: Told the URL once it listens, and the owner's token if no users are configured.

    Raises:
        UsageError: The folder holds something else, or the address is not safe.
    """
    with _told_apart():
        _server().serve(
            Path(root), host=host, port=port, users=users or {}, allowed_hosts=allowed_hosts, announce=announce
        )


@contextmanager
def open_hub(hub: HubLike, token: str | None = None, *, create: bool = False, pretend: bool = False) -> Iterator[Hub]:
    """Open the Hub that ``hub`` names; a folder is served for as long as the block lasts.

    Args:
        hub: None, a URL, or a folder.
        token: Access token; None for the user's own.
        create: Make the folder if it is not there.
        pretend: Take a folder that is not there for an empty Hub, and make none.

    Raises:
        UsageError: The folder is no embedded Hub.
    """
    if hub is None or str(hub).startswith(("http://", "https://")):
        yield Hub(None if hub is None else str(hub), token)
        return
    if isinstance(hub, LocalHub):
        yield Hub(hub.url, hub.token, hub.identity, str(hub.path), hub.path)
        return
    folder = Path(hub).expanduser()
    if pretend and not folder.is_dir():
        with TemporaryDirectory(prefix="hfver-") as nothing, LocalHub(nothing) as local:
            yield Hub(local.url, local.token, local.identity, str(folder), Path(nothing))
        return
    if not create and not folder.is_dir():
        raise UsageError(
            f"There is no Hub in {folder}.",
            f"Release to it first, or make one: hfver hub serve --root {folder}",
        )
    with LocalHub(folder) as local:
        yield Hub(local.url, local.token, local.identity, str(folder), folder)


def _server() -> Any:
    """Import the server, or say how to install it."""
    try:
        import pygit2  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError(f"The embedded Hub needs {error.name}.", "Run: pip install 'hfver[server]'") from None
    import hfver.server

    return hfver.server


@contextmanager
def _told_apart() -> Iterator[None]:
    """Turn the server's refusals to start into ours."""
    from hfver.server import HubSetupError

    try:
        yield
    except HubSetupError as error:
        raise UsageError(str(error)) from None
