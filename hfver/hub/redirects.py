"""Following redirects: no credential goes to another origin, and only downloads of content leave the Hub's own.

A redirect within the Hub's origin is followed, since that is how a Hub answers for a renamed repo. Content may come
from elsewhere, as from the storage behind huggingface.co, because its bytes are verified afterwards. What an API
answers is not verified, so it must come from the Hub itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from hfver.errors import HubError
from hfver.hub.loopback import is_loopback

__all__ = ["check_redirect", "on_endpoint", "opened", "origin"]

MAX_REDIRECTS = 5
"""Redirects in a row; huggingface.co needs two: a renamed repo, and its storage."""

PORTS = {"http": 80, "https": 443}


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return the scheme, host and port of a URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


_ALIASES = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
"""Host names of one and the same Hub, which may name itself by another one than it was addressed by."""


def on_endpoint(endpoint: str, url: str) -> str | None:
    """Return a URL of the same Hub with the origin of its endpoint, so that the token goes nowhere else.

    Args:
        endpoint: The Hub's address.
        url: An address in the Hub's answer.

    Returns:
        The address; None if it is not on this Hub.
    """
    ours, theirs = urlsplit(endpoint), urlsplit(url)
    if theirs.hostname != ours.hostname and not {theirs.hostname, ours.hostname} <= _ALIASES:
        return None
    return urlunsplit((ours.scheme, ours.netloc, theirs.path, theirs.query, ""))


@contextmanager
def opened(method: str, url: str, what: str, **options: Any) -> Iterator[Any]:
    """Open the response to a request, after the redirects that may be followed.

    Args:
        method: The HTTP method.
        url: The address.
        what: Names the object of the request in error messages.
        options: What the client's ``stream`` takes.

    Raises:
        HubError: A redirect leads where it must not.
    """
    from huggingface_hub.utils import get_session

    client = get_session()
    with client.stream(method, url, follow_redirects=False, **options) as first:
        response, followed = first, 0
        try:
            while response.next_request is not None:
                request, followed = response.next_request, followed + 1
                check_redirect(method, url, str(request.url), what)
                if followed > MAX_REDIRECTS:
                    raise HubError(f"{what}: more than {MAX_REDIRECTS} redirects in a row, to {_shown(request)}.")
                # httpx keeps it if only the scheme of a host changes, which is another origin all the same.
                if origin(str(request.url)) != origin(url):
                    request.headers.pop("authorization", None)
                response.close()
                response = client.send(request, stream=True, follow_redirects=False)
            yield response
        finally:
            response.close()


def check_redirect(method: str, url: str, target: str, what: str) -> None:
    """Check that a redirect may be followed: within an origin, or of content to https.

    Raises:
        HubError: It may not.
    """
    if origin(target) == origin(url):
        return
    is_content = method in ("GET", "HEAD") and "/resolve/" in urlsplit(url).path
    # A Hub on this machine may keep its content on this machine.
    may_leave = urlsplit(target).scheme == "https" or (is_loopback(url) and is_loopback(target))
    if not (is_content and may_leave):
        place = urlsplit(target)
        raise HubError(
            f"{what}: {urlsplit(url).netloc} redirects to a different place, {place.scheme}://{place.netloc[:200]}, "
            "which is not followed.",
            "If the Hub moved, name its new address: --hub URL, or HF_ENDPOINT.",
        )


def _shown(request: Any) -> str:
    return "".join(char if char.isprintable() else " " for char in str(request.url)[:200])
