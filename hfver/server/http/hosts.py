"""The names by which a Hub may be addressed, so that a web page of somebody else cannot talk to it.

A page whose name is made to resolve to this machine (DNS rebinding) sends that name as the Host. An address is no such
name, and neither is one that this machine has.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from starlette.responses import Response
from starlette.types import Scope

from hfver.server.problems import Problem


class HostCheck:
    """Checks the Host of a request.

    Args:
        names: Further names that are allowed, such as that of a proxy in front; ``*`` allows any.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        own = {"localhost", socket.gethostname(), socket.getfqdn(), ""}
        self._names = {name.lower().rstrip(".") for name in {*own, *names}}

    def allows(self, scope: Scope) -> bool:
        """Return whether a request addresses this Hub by a name or an address that it has."""
        host = _host(scope)
        return "*" in self._names or host in self._names or _is_address(host)

    def refuse(self, scope: Scope) -> Response:
        """Return the response to a request that addresses something else."""
        host = ascii(_host(scope))[1:-1][:100]
        hint = f"start it with --allowed-host {host}" if host else "send a Host header"
        return Problem(421, f"This Hub does not answer to the name {host}; {hint}").response()


def _host(scope: Scope) -> str:
    """Return the host that a request names, without its port."""
    value = next((value for name, value in scope["headers"] if name == b"host"), b"")
    text: str = value.decode("latin-1").strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
