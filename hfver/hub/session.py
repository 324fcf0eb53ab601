"""Requests through huggingface_hub's own session, with its retries, and its errors in our words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Literal

from hfver.about import __version__
from hfver.errors import HubDenied, HubError, HubNotFound, HubUnreachable

__all__ = ["Session", "Stale", "Taken"]

Method = Literal["GET", "POST", "PUT", "DELETE"]


class Stale(HubError):
    """The branch moved since its head was read (HTTP 412)."""


class Taken(HubError):
    """The name exists already (HTTP 409)."""


class Session:
    """Sends requests to one endpoint as one user.

    A token that a person stored by ``hf auth login`` goes to the Hub it was made for and nowhere else; other
    endpoints get the explicit token, or ``HF_TOKEN`` from the environment, or none.
    """

    def __init__(self, endpoint: str | None, token: str | None, place: str | None = None) -> None:
        from huggingface_hub import constants

        self.endpoint = (endpoint or constants.ENDPOINT).rstrip("/")
        self.place = place or self.endpoint
        explicit = token or os.environ.get("HF_TOKEN")
        stored = None if self.endpoint == constants.ENDPOINT else False
        self.token: str | bool | None = explicit or stored

    def headers(self) -> dict[str, str]:
        """Build the headers of every request: user agent and authorization."""
        from huggingface_hub.utils import build_hf_headers

        headers: dict[str, str] = build_hf_headers(token=self.token, library_name="hfver", library_version=__version__)
        return headers

    def request(self, method: Method, path: str, what: str, **options: Any) -> Any:
        """Send a request and return the response; ``what`` names its object in errors.

        Retried with backoff on network errors, 429 and 5xx; so a write whose answer was lost may be met again
        as :class:`Taken` or :class:`Stale`, and callers look whose it was.
        """
        from huggingface_hub.utils import hf_raise_for_status, http_backoff

        url = path if path.startswith("http") else self.endpoint + path
        headers = {**self.headers(), **options.pop("headers", {})}
        with self.translated(what):
            response = http_backoff(method, url, headers=headers, base_wait_time=0.25, **options)
            hf_raise_for_status(response)
        return response

    @contextmanager
    def translated(self, what: str) -> Iterator[None]:
        """Turn the client's errors into ours; ``what`` names the object in their messages."""
        try:
            yield
        except Exception as error:
            known = self._known(what, error) or self._known(what, error.__cause__)
            if known is None:
                raise
            raise known from None

    def _known(self, what: str, error: BaseException | None) -> HubError | None:
        """Translate an error of the client, or of its HTTP library; None for any other."""
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

        if isinstance(error, OfflineModeIsEnabled):
            return HubUnreachable(
                f"{what}: HF_HUB_OFFLINE is set, and this needs the Hub.",
                "Unset it, or name a commit that was loaded and verified before: ns/name@<40 hex digits>.",
            )
        if isinstance(error, LocalEntryNotFoundError):
            return self._known(what, error.__cause__) or self._unreachable(what, error.__cause__ or error)
        if isinstance(error, HfHubHTTPError):
            return self._refusal(what, error)
        if isinstance(error, _transport_errors()):
            return self._unreachable(what, error)
        return None

    def _unreachable(self, what: str, error: BaseException) -> HubUnreachable:
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        return HubUnreachable(
            f"{what}: no answer from {self.place} ({reason}).",
            "Check the address (--hub, HF_ENDPOINT) and the network, then run the same command again.",
        )

    def _refusal(self, what: str, error: Any) -> HubError:
        status = getattr(error.response, "status_code", 0)
        said = (error.server_message or "").strip() or f"HTTP {status}"
        if status in (401, 403):
            return self._denied(what, status, said)
        if status == 404:
            return HubNotFound(f"{what}: not found on {self.place} ({said}).", _NOT_FOUND)
        kind = {409: Taken, 412: Stale}.get(status, HubError)
        return kind(f"{what}: {self.place} answered {status} ({said}).")

    def _denied(self, what: str, status: int, said: str) -> HubError:
        if status == 401 and not self.headers().get("authorization"):
            return HubNotFound(f"{what}: not found on {self.place}, or private ({said}).", _NOT_FOUND)
        return HubDenied(
            f"{what}: {self.place} does not allow this ({said}).",
            "Use a token that may: set HF_TOKEN, or run: hf auth login",
        )


_NOT_FOUND = "Check the name, and that your token may see it (HF_TOKEN, or: hf auth login)."


def _transport_errors() -> tuple[type[Exception], ...]:
    """Find the error classes of the HTTP library that huggingface_hub uses: httpx in 1.x, httpx2 in 2.x."""
    from huggingface_hub.utils import get_session

    library = import_module(type(get_session()).__module__.partition(".")[0])
    return (library.HTTPError, library.InvalidURL)
