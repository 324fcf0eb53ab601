"""Requests by huggingface_hub's own client: retried if that can help, and with its errors translated to hfver's."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar
from urllib.parse import urljoin, urlsplit

from hfver.core.about import __version__
from hfver.core.log import conceal, logger
from hfver.errors import EntryNotFound, HubDenied, HubError, HubNotFound, HubUnreachable
from hfver.hub.loopback import ensure_reachable
from hfver.hub.pace import keep_pace
from hfver.hub.redirects import check_redirect, opened, origin
from hfver.hub.responses import parsing, read_response
from hfver.hub.retry import (
    TRANSIENT_STATUSES,
    Interrupted,
    RetryPolicy,
    call_with_retries,
    http_library,
    requested_pause,
)
from hfver.hub.watch import watched

__all__ = ["AlreadyExists", "HubSession", "Method", "ParentMoved"]

MAX_ANSWER = 256 * 1024 * 1024
"""Maximum number of bytes of a response in memory."""

NOT_FOUND_CODES = frozenset({"EntryNotFound", "RepoNotFound", "RevisionNotFound"})
"""What a Hub says in ``X-Error-Code`` when it looked and found nothing."""

Method = Literal["GET", "POST", "PUT", "DELETE"]
T = TypeVar("T")


class ParentMoved(HubError):
    """The branch is not at the expected parent anymore: it moved since its head was read (HTTP 412)."""


class AlreadyExists(HubError):
    """A branch, tag or repo of that name exists (HTTP 409)."""


class UnexplainedNotFound(Interrupted):
    """A 404 without an error code that a Hub sends: a proxy or a server in trouble answered, and proves no absence."""


class HubSession:
    """Sends requests to one endpoint as one user.

    A token that was stored by ``hf auth login`` is only sent to the Hub that it was made for. Other endpoints get the
    explicit token, or ``HF_TOKEN`` from the environment, or none.
    """

    def __init__(self, endpoint: str | None, token: str | None, place: str | None = None) -> None:
        from huggingface_hub import constants

        self.endpoint = (endpoint or constants.ENDPOINT).rstrip("/")
        self.place = place or self.endpoint
        self.retry_policy = RetryPolicy.from_settings()
        # huggingface_hub adds the stored token for None, whatever the endpoint, and no token for False.
        explicit = token or os.environ.get("HF_TOKEN")
        stored = None if self.endpoint == constants.ENDPOINT else False
        self.token: str | bool | None = explicit or stored
        ensure_reachable(self.endpoint)
        logger.debug("Using %s with %s", self.endpoint, self.retry_policy)
        logging.getLogger("huggingface_hub.utils._http").addFilter(_printable)  # it logs what Hubs send to be said

    def headers(self) -> dict[str, str]:
        """Build the headers of every request: user agent and authorization."""
        from huggingface_hub.utils import build_hf_headers

        headers: dict[str, str] = build_hf_headers(token=self.token, library_name="hfver", library_version=__version__)
        conceal(headers.get("authorization", "").partition(" ")[2])
        return headers

    def request(
        self, method: Method, path: str, what: str, *, coded: bool = False, allow: Container[int] = (), **options: Any
    ) -> Any:
        """Send a request and return the response.

        Broken connections, 429 and 5xx are retried with backoff. So a write whose first answer was lost may fail with
        :class:`AlreadyExists` or :class:`ParentMoved`, and callers must check whether they caused that themselves.

        Args:
            method: The HTTP method.
            path: A path on the endpoint, or a whole address.
            what: Names the object of the request in error messages.
            coded: Whether a 404 is only believed if it says in ``X-Error-Code`` what is missing. Any other is retried,
                and is not a `HubNotFound` in the end.
            allow: The statuses that the caller reads itself, although they are errors.
            options: What the client's ``request`` takes.

        Raises:
            HubError: The Hub cannot be reached, or refuses the request.
        """
        from huggingface_hub.utils import hf_raise_for_status

        def send() -> Any:
            with opened(method, self._url(path), what, **options) as stream:
                keep_pace(stream, self.retry_policy.floor)
                response = read_response(stream, what, MAX_ANSWER)
            if coded:
                _refuse_unexplained(response)
            if response.status_code not in allow:
                hf_raise_for_status(response)
            return response

        options = self._options(path, options)
        with self.translated(what), watched():
            return call_with_retries(send, self.retry_policy)

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[Any]:
        """Open the response to a GET to read it in pieces, without retries; errors are the client's own."""
        from huggingface_hub import constants
        from huggingface_hub.utils import hf_raise_for_status

        timeout = min(self.retry_policy.timeout, constants.HF_HUB_DOWNLOAD_TIMEOUT)
        options = self._options(path, {"headers": headers, "timeout": timeout})
        with watched(), opened("GET", self._url(path), path, **options) as response:
            keep_pace(response, self.retry_policy.floor)
            # A storage host that a redirect led to knows no codes, so only the Hub itself has to explain a 404.
            if origin(str(response.url)) == origin(self.endpoint):
                _refuse_unexplained(response)
            hf_raise_for_status(read_response(response, path, MAX_ANSWER) if response.is_error else response)
            yield response

    def call_client(self, what: str, call: Callable[[], T], *, lost: bool = True, silence: float = 0.0) -> T:
        """Call a function of huggingface_hub that sends requests of its own, with our timeouts and retries.

        Args:
            what: Names the object in error messages.
            call: Calls huggingface_hub in this thread; it may be called again.
            lost: Whether to call again after a broken connection; False if huggingface_hub does so itself.
            silence: Seconds without an answer to allow in addition to the usual timeout.
        """
        from huggingface_hub.utils import get_session

        def attempt() -> T:
            # The client is shared by the whole process, and may have been replaced since the hooks were added.
            hooks = get_session().event_hooks
            if _stop_at_once not in hooks["response"]:
                hooks["request"].append(_hurry)
                hooks["response"].append(_stop_at_once)
            token = _client_timeout.set(self.retry_policy.timeout + silence)
            try:
                return call()
            finally:
                _client_timeout.reset(token)

        with parsing(what, self.place), self.translated(what), watched():
            return call_with_retries(attempt, self.retry_policy, lost=lost)

    def _url(self, path: str) -> str:
        return path if path.startswith("http") else self.endpoint + path

    def _options(self, path: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in headers and timeout; the token goes to our own endpoint alone."""
        # An address in a response may lead anywhere, and the token must not follow it.
        headers = self.headers()
        if origin(self._url(path)) != origin(self.endpoint):
            headers.pop("authorization", None)
        headers.update(options.get("headers") or {})
        return {"timeout": self.retry_policy.timeout, **options, "headers": headers}

    @contextmanager
    def translated(self, what: str) -> Iterator[None]:
        """Translate the client's errors to ours; ``what`` names the object in their messages."""
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
                f"{what}: this needs the Hub, but HF_HUB_OFFLINE is set.",
                "Unset it, or name a commit that was loaded and verified before: ns/name@<40 hex digits>",
            )
        if isinstance(error, LocalEntryNotFoundError):
            return self._known(what, error.__cause__) or self._unreachable(what, error.__cause__ or error)
        if isinstance(error, HfHubHTTPError):
            return self._refusal(what, error)
        if isinstance(error, UnexplainedNotFound):
            return HubError(
                f"{what}: {self.place} answered 404 without saying what is missing.",
                "A proxy or a server in trouble may have answered. Run the same command again later.",
            )
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
        if status in TRANSIENT_STATUSES:
            hint = _HOURLY if _is_commit_quota(error) else _when_to_return(error)
            return HubError(f"{what}: {self.place} answered {status} ({said}).", hint)
        if status in (401, 403):
            return self._denied(what, status, said)
        if status == 404:
            kind = EntryNotFound if _error_code(error.response) == "EntryNotFound" else HubNotFound
            return kind(f"{what}: not found on {self.place} ({said}).", _NOT_FOUND)
        if status == 507:
            return HubError(
                f"{what}: {self.place} has no room left ({said}).",
                "Free some space on its disk, or ask its operator to. Then run the same command again: what it has "
                "already is not sent twice.",
            )
        # 409 and 412 decide races between writers; callers of writes catch them.
        other = {409: AlreadyExists, 412: ParentMoved}.get(status, HubError)
        return other(f"{what}: {self.place} answered {status} ({said}).")

    def _denied(self, what: str, status: int, said: str) -> HubError:
        if status == 401 and not self.headers().get("authorization"):
            return HubNotFound(f"{what}: not found on {self.place}, or private ({said}).", _NOT_FOUND)
        return HubDenied(
            f"{what}: {self.place} does not allow this ({said}).",
            "Use a token with that permission: set HF_TOKEN, or run: hf auth login",
        )


_HOURLY = (
    "The Hub limits commits by the hour, and a release makes two. Wait up to an hour, then run the same command again: "
    "it continues where it stopped."
)

_NOT_FOUND = "Check the name, and that your token has access to it (HF_TOKEN, or: hf auth login)."

_client_timeout: ContextVar[float | None] = ContextVar("_client_timeout", default=None)
"""Timeout in seconds while huggingface_hub sends requests on our behalf in this thread, or None."""


def _hurry(request: Any) -> None:
    """Set a timeout on requests that huggingface_hub sends for us: it waits for ever for answers to uploads."""
    if (seconds := _client_timeout.get()) is not None:
        limits = request.extensions.get("timeout") or {}
        request.extensions["timeout"] = {
            kind: limits.get(kind) or seconds for kind in ("connect", "read", "write", "pool")
        }


def _stop_at_once(response: Any) -> None:
    """Raise a 429 or 5xx to us at once: huggingface_hub would sleep for as long as the Hub asks."""
    from huggingface_hub.utils import hf_raise_for_status

    if _client_timeout.get() is not None and response.status_code in TRANSIENT_STATUSES:
        response.read()
        hf_raise_for_status(response)
    if _client_timeout.get() is not None and response.has_redirect_location:
        url = str(response.request.url)
        check_redirect(response.request.method, url, urljoin(url, response.headers["location"]), urlsplit(url).path)


def _printable(record: logging.LogRecord) -> bool:
    """Remove control characters from a log record, so that a Hub's text cannot control the terminal."""
    said = record.getMessage()
    if not said.isprintable():
        record.msg, record.args = "".join(char if char.isprintable() else " " for char in said), ()
    return True


def _is_commit_quota(error: Any) -> bool:
    """Return whether a commit was refused with 429, without the seconds to wait that other limits name."""
    response = error.response
    return response.status_code == 429 and "/commit/" in response.request.url.path and not requested_pause(error)


def _error_code(response: Any) -> str:
    return str(response.headers.get("x-error-code", ""))


def _refuse_unexplained(response: Any) -> None:
    if response.status_code == 404 and _error_code(response) not in NOT_FOUND_CODES:
        raise UnexplainedNotFound("404 without an error code")


def _when_to_return(error: Any) -> str:
    seconds = requested_pause(error) or 0.0
    if not seconds:
        return "Run the same command again later: it continues where it stopped."
    then = datetime.now().astimezone() + timedelta(seconds=seconds + 1)
    return f"Wait {math.ceil(seconds)} s: run the same command again after {then:%Y-%m-%d %H:%M:%S %Z}."


def _transport_errors() -> tuple[type[Exception], ...]:
    library = http_library()
    return (library.HTTPError, library.InvalidURL, Interrupted)
