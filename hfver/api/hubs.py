"""The Hubs that callers name: None, a URL, or the folder of an embedded Hub, which is served while it is needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from hfver.api.shared_docs import public
from hfver.errors import UsageError
from hfver.hub import Hub
from hfver.hub.loopback import serving

__all__ = ["HubLike", "LocalHub", "PathLike", "open_hub", "serve"]

PathLike = str | os.PathLike[str]
HubLike = PathLike | None


class LocalHub:
    """An embedded Hub on loopback, which runs for as long as a ``with`` block.

    Any Hugging Face client can use it at ``url`` with ``token``, which may write to every namespace.

    Args:
        path: The Hub's folder; created if it does not exist.
        users: The token of each user, by name. A user owns the namespace of that name.

    Raises:
        UsageError: The folder has other content, or the extra ``server`` is not installed.
    """

    def __init__(self, path: PathLike, *, users: Mapping[str, str] | None = None) -> None:
        server = _server()
        self.path = Path(path)
        self._server = server.EmbeddedHub(self.path, users=users)
        self._reachable = ExitStack()

    def __enter__(self) -> LocalHub:
        with _translated():
            self._server.start()
        self._reachable.enter_context(serving(self.url))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reachable.close()
        self._server.stop()

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def url(self) -> str:
        """The endpoint: ``http://127.0.0.1:PORT``."""
        return str(self._server.url)

    @property
    def token(self) -> str:
        """A token that may write to every namespace. It is made for this process, and stored nowhere."""
        return str(self._server.token)

    @property
    def identity(self) -> str:
        """A name that is the same whenever this folder is served, although the port differs."""
        return f"hub-{self._server.id}"


@public
def serve(
    root: PathLike,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    users: Mapping[str, str] | None = None,
    allowed_hosts: Sequence[str] = (),
    announce: Callable[[str, str | None], None],
) -> None:
    """Serve an embedded Hub until the process is stopped.

    Args:
        root: The Hub's folder; created if it does not exist.
        host: The address to listen on. Beyond loopback, at least one user must be configured.
        port: The port; 0 for a free one.
        users: The token of each user, by name. A user of an earlier run who is not listed loses access.
        allowed_hosts: Names by which clients address the Hub besides those of this machine, such as that of a proxy.
        announce: Called when the Hub listens, with its URL, and with the owner's token if no users are configured.

    Raises:
        UsageError: The folder has other content, the address is not safe, or the extra ``server`` is not installed.
    """
    with _translated():
        _server().serve(
            Path(root), host=host, port=port, users=users or {}, allowed_hosts=allowed_hosts, announce=announce
        )


@contextmanager
def open_hub(hub: HubLike, token: str | None = None, *, create: bool = False, pretend: bool = False) -> Iterator[Hub]:
    """Open the Hub that a caller named. A folder is served for as long as the block runs.

    Args:
        hub: The Hub, as public functions take it.
        token: The access token, as public functions take it.
        create: Create a folder that does not exist.
        pretend: Treat a folder that does not exist as an empty Hub, without creating it.

    Raises:
        UsageError: The folder does not exist or is not an embedded Hub, or the extra ``server`` is not installed.
    """
    if hub is None or str(hub).startswith(("http://", "https://")):
        yield Hub(None if hub is None else str(hub), token)
        return
    if isinstance(hub, LocalHub):  # it runs already; its folder must not be served twice
        yield Hub(hub.url, hub.token, hub.identity, str(hub.path), hub.path)
        return
    folder = Path(hub).expanduser()
    if pretend and not folder.is_dir():
        with TemporaryDirectory(prefix="hfver-") as nothing, LocalHub(nothing) as local:
            yield Hub(local.url, local.token, local.identity, str(folder), Path(nothing))
        return
    if not create and not folder.is_dir():
        raise UsageError(
            f"{folder} does not exist, so there is no Hub in it.",
            f"Release to it first, or create a Hub: hfver hub serve --root {folder}",
        )
    with LocalHub(folder) as local:
        yield Hub(local.url, local.token, local.identity, str(folder), folder)


def _server() -> Any:
    """Import the server.

    Raises:
        UsageError: The extra ``server`` is not installed.
    """
    try:
        import pygit2  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"The embedded Hub needs the package {error.name}, which is not installed.",
            "Install it: pip install 'hfver[server]'",
        ) from None
    import hfver.server

    return hfver.server


@contextmanager
def _translated() -> Iterator[None]:
    """Translate the server's errors at the start to ours."""
    from hfver.server import HubSetupError

    try:
        yield
    except HubSetupError as error:
        raise UsageError(str(error)) from None
