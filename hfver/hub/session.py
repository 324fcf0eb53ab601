"""Requests through huggingface_hub's own client, tried again where that helps, and its errors in our words."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from hfver.core.about import __version__
from hfver.core.log import conceal, logger
from hfver.errors import HubDenied, HubError, HubNotFound, HubUnreachable
from hfver.hub.loopback import reach
from hfver.hub.responses import understood, whole
from hfver.hub.retry import PASSING, Interrupted, RetryPolicy, asked_pause, http_library, persist
from hfver.hub.watch import watched

__all__ = ["Session", "Stale", "Taken"]

MAX_ANSWER = 256 * 1024 * 1024
"""Most bytes of an answer that is held in memory."""

Method = Literal["GET", "POST", "PUT", "DELETE"]
T = TypeVar("T")


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
        self.retry_policy = RetryPolicy.from_settings()
        explicit = token or os.environ.get("HF_TOKEN")
        stored = None if self.endpoint == constants.ENDPOINT else False
        self.token: str | bool | None = explicit or stored
        reach(self.endpoint)
        logger.debug("Using %s with %s", self.endpoint, self.retry_policy)
        logging.getLogger("huggingface_hub.utils._http").addFilter(_printable)  # it logs what Hubs send to be said

    def headers(self) -> dict[str, str]:
        """Build the headers of every request: user agent and authorization."""
        from huggingface_hub.utils import build_hf_headers

        headers: dict[str, str] = build_hf_headers(token=self.token, library_name="hfver", library_version=__version__)
        conceal(headers.get("authorization", "").partition(" ")[2])
        return headers

    def request(self, method: Method, path: str, what: str, **options: Any) -> Any:
        """Send a request and return the response; ``what`` names its object in errors.

        Retried with backoff on broken connections, 429 and 5xx; so a write whose answer was lost may be met again
        as :class:`Taken` or :class:`Stale`, and callers look whose it was.
        """
        from huggingface_hub.utils import get_session, hf_raise_for_status

        def send() -> Any:
            with get_session().stream(method, self._url(path), **options) as opened:
                response = whole(opened, what, MAX_ANSWER)
            hf_raise_for_status(response)
            return response

        options = self._options(path, options)
        with self.translated(what), watched():
            return persist(send, self.retry_policy)

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[Any]:
        """Open the answer to a GET once, to be read piece by piece; errors are the client's own."""
        from huggingface_hub import constants
        from huggingface_hub.utils import get_session, hf_raise_for_status

        timeout = min(self.retry_policy.timeout, constants.HF_HUB_DOWNLOAD_TIMEOUT)
        options = self._options(path, {"headers": headers, "timeout": timeout})
        with watched(), get_session().stream("GET", self._url(path), **options) as response:
            hf_raise_for_status(whole(response, path, MAX_ANSWER) if response.is_error else response)
            yield response

    def lend(self, what: str, call: Callable[[], T], *, lost: bool = True, silence: float = 0.0) -> T:
        """Let huggingface_hub send requests of its own, with our timeouts and our patience.

        Args:
            what: Names the object in errors.
            call: Calls huggingface_hub, in this thread; it may be called again.
            lost: Whether to call again when a connection broke; False where huggingface_hub does so itself.
            silence: Seconds of silence to allow beyond the usual ones.
        """
        from huggingface_hub.utils import get_session

        def attempt() -> T:
            hooks = get_session().event_hooks
            if _stop_at_once not in hooks["response"]:
                hooks["request"].append(_hurry)
                hooks["response"].append(_stop_at_once)
            lent = _lent.set(self.retry_policy.timeout + silence)
            try:
                return call()
            finally:
                _lent.reset(lent)

        with understood(what, self.place), self.translated(what), watched():
            return persist(attempt, self.retry_policy, lost=lost)

    def _url(self, path: str) -> str:
        return path if path.startswith("http") else self.endpoint + path

    def _options(self, path: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in headers and timeout; the token goes to our own endpoint alone."""
        headers = self.headers()
        if _origin(self._url(path)) != _origin(self.endpoint):
            headers.pop("authorization", None)
        headers.update(options.get("headers") or {})
        return {"timeout": self.retry_policy.timeout, **options, "headers": headers}

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
        said = (error.server_message or "").strip()[:500] or f"HTTP {status}"
        if status in PASSING:
            return HubError(f"{what}: {self.place} answered {status} ({said}).", _when_to_return(error))
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

_lent: ContextVar[float | None] = ContextVar("_lent", default=None)
"""Seconds of silence to allow while huggingface_hub sends requests on our behalf in this thread."""


def _hurry(request: Any) -> None:
    """Give a lent request a timeout: huggingface_hub waits for ever for answers to uploads."""
    if (seconds := _lent.get()) is not None:
        limits = request.extensions.get("timeout") or {}
        request.extensions["timeout"] = {
            kind: limits.get(kind) or seconds for kind in ("connect", "read", "write", "pool")
        }


def _stop_at_once(response: Any) -> None:
    """Hand a lent request's 429 or 5xx back to us, rather than let huggingface_hub sleep as long as it says."""
    from huggingface_hub.utils import hf_raise_for_status

    if _lent.get() is not None and response.status_code in PASSING:
        response.read()
        hf_raise_for_status(response)


def _printable(record: logging.LogRecord) -> bool:
    """Take out of a log line what a terminal would obey."""
    said = record.getMessage()
    if not said.isprintable():
        record.msg, record.args = "".join(char if char.isprintable() else " " for char in said), ()
    return True


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _when_to_return(error: Any) -> str:
    seconds = asked_pause(error) or 0.0
    if not seconds:
        return "Run the same command again later: it goes on where it stopped."
    then = datetime.now().astimezone() + timedelta(seconds=seconds + 1)
    return f"It asks to wait {math.ceil(seconds)} s: run the same command again after {then:%Y-%m-%d %H:%M:%S %Z}."


def _transport_errors() -> tuple[type[Exception], ...]:
    library = http_library()
    return (library.HTTPError, library.InvalidURL, Interrupted)
