"""Requests to this machine itself: without a proxy, and to a Hub of this process even under ``HF_HUB_OFFLINE``.

huggingface_hub sends everything by one client, which reads its proxies from the environment when it is created, and
refuses every request under ``HF_HUB_OFFLINE``. If that would make loopback unreachable, clients are created by a
different factory from then on. The environment stays unchanged.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

__all__ = ["LOOPBACK", "ensure_reachable", "is_loopback", "serving"]

LOOPBACK = ("127.0.0.1", "::1", "localhost")

_choosing, _making = threading.Lock(), threading.Lock()
_served: set[str] = set()
"""Host and port of the Hubs that run in this process."""


def is_loopback(url: str) -> bool:
    """Return whether a URL is on this machine."""
    return urlsplit(url).hostname in LOOPBACK


@contextmanager
def serving(url: str) -> Iterator[None]:
    """Register a Hub of this process while it runs, so that every Hugging Face client in the process reaches it."""
    place = urlsplit(url).netloc
    _served.add(place)
    try:
        ensure_reachable(url)
        yield
    finally:
        _served.discard(place)


def ensure_reachable(url: str) -> None:
    """Make sure that huggingface_hub's client reaches a URL, if it is on loopback."""
    from huggingface_hub import constants

    host = urlsplit(url).hostname or ""
    proxied = not {"http", "https", "all"}.isdisjoint(getproxies()) and not proxy_bypass(host)
    if is_loopback(url) and (proxied or constants.is_offline_mode()):
        _make_clients_direct()


def _make_clients_direct() -> None:
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import _http

    # A program may have set a factory of its own, and only this private name tells which one is set.
    with _choosing:
        if not isinstance(_http._GLOBAL_CLIENT_FACTORY, _Direct):
            set_client_factory(_Direct(_http._GLOBAL_CLIENT_FACTORY))


class _Direct:
    """Creates clients by another factory, then excludes loopback from their proxies and from offline mode."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __call__(self) -> Any:
        with _no_proxy():
            client = self.make()
        hooks = client.event_hooks
        client.event_hooks = {**hooks, "request": [_except_for_own_hubs(hook) for hook in hooks["request"]]}
        return client


def _except_for_own_hubs(hook: Callable[[Any], object]) -> Callable[[Any], object]:
    """Skip a hook in offline mode for requests to Hubs of this process: there, it would only refuse them."""
    from huggingface_hub import constants

    def filtered(request: Any) -> object:
        own = request.url.netloc.decode("ascii", "replace") in _served
        return None if own and constants.is_offline_mode() else hook(request)

    return filtered


@contextmanager
def _no_proxy() -> Iterator[None]:
    """Add loopback to ``no_proxy`` for a moment: HTTP libraries read it when a client is created."""
    with _making:
        before = os.environ.get("no_proxy")
        listed = before if before is not None else os.environ.get("NO_PROXY", "")
        os.environ["no_proxy"] = ",".join(filter(None, (listed, *LOOPBACK)))
        try:
            yield
        finally:
            if before is None:
                del os.environ["no_proxy"]
            else:
                os.environ["no_proxy"] = before
