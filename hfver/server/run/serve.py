"""`serve`: a Hub that runs until it is stopped by a signal."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Mapping

from hfver.server.context import ServerContext
from hfver.server.run.uvicorn_server import bind, check_binding, make_server, raise_file_limit, url_of


def serve(
    root: str | os.PathLike[str],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    users: Mapping[str, str],
    allowed_hosts: Iterable[str] = (),
    announce: Callable[[str, str | None], None],
) -> None:
    """Serve a folder until SIGINT or SIGTERM.

    Args:
        root: The Hub's folder; created if it is missing.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        users: Token by user name; who had a token in an earlier run and is not among them loses it.
        allowed_hosts: Names by which it may be addressed, beside those of this machine: that of a proxy in front.
        announce: Called once with the address, and with a token that may write to every namespace if no user has one
            (else None). That token is valid until this function returns.

    Raises:
        NotAHubError: The folder holds something that is not a Hub.
        UnsafeBindingError: The address is not a loopback address, and no user has a token.
        HubSetupError: The address or a user cannot be used.
    """
    token = f"hf_{secrets.token_hex(20)}"
    raise_file_limit()
    context = ServerContext(root, users=users, owner_token=token)
    try:
        has_tokens = context.database.has_tokens()
        check_binding(host, has_tokens)
        if has_tokens:
            context.auth.revoke_owner()
        with bind(host, port) as listener:
            server = make_server(context, allowed_hosts)
            announce(url_of(host, listener), None if has_tokens else token)
            server.run(sockets=[listener])
    finally:
        context.close()
