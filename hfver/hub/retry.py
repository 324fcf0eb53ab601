"""Trying again: what passes by itself is tried again, later and later, as the Hub asks, and not for ever."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import import_module
from types import ModuleType
from typing import TypeVar

from hfver.errors import BadConfig

__all__ = ["PASSING", "Interrupted", "Patience", "asked_pause", "http_library", "is_lost", "persist"]

PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP statuses that say: not now."""

LONGEST_BACKOFF = 8.0
"""Seconds between two tries, unless the Hub asks for more."""

MAX_WAIT = 300.0
"""Seconds that one request waits in all, between its tries. Hubs count requests in windows of five minutes."""

WORTH_SAYING = 10.0
"""Seconds of waiting that nobody should take for a program that hangs."""

_logger = logging.getLogger("hfver")
T = TypeVar("T")


class Interrupted(Exception):
    """An answer ended before it was whole."""


@dataclass(frozen=True)
class Patience:
    """How long to try.

    Attributes:
        retries: How often a request is sent again.
        pause: Seconds before the first retry; doubled for each one after it.
        timeout: Seconds of silence after which a connection is given up.
    """

    retries: int = 5
    pause: float = 0.5
    timeout: float = 60.0

    @classmethod
    def from_environment(cls) -> Patience:
        """Read ``HFVER_HTTP_RETRIES``, ``HFVER_HTTP_PAUSE`` and ``HFVER_HTTP_TIMEOUT``.

        Raises:
            BadConfig: One of them is no number, or negative; a timeout may not be 0.
        """
        retries = int(_number("HFVER_HTTP_RETRIES", cls.retries))
        timeout = _number("HFVER_HTTP_TIMEOUT", cls.timeout)
        if timeout == 0:
            raise BadConfig("HFVER_HTTP_TIMEOUT is 0: nothing would ever be answered in time.")
        return cls(retries, _number("HFVER_HTTP_PAUSE", cls.pause), timeout)

    def backoff(self, failures: int) -> float:
        """Choose the seconds to wait after so many failures in a row; spread, so that clients part ways."""
        longest = min(LONGEST_BACKOFF, self.pause * 2 ** (failures - 1))
        return random.uniform(longest / 2, longest)  # noqa: S311 - spreads clients, guards nothing


def persist(
    attempt: Callable[[], T],
    patience: Patience,
    *,
    progressed: Callable[[], bool] = lambda: False,
    lost: bool = True,
) -> T:
    """Call until it succeeds, fails for good, or patience ends; then its last error is raised.

    Args:
        attempt: What to call.
        patience: How long.
        progressed: Tells after a failure whether the attempt came so far that it counts as the first one.
        lost: Whether connections that break are tried again here; False where the attempt does so itself.
    """
    failures, waited = 0, 0.0
    while True:
        try:
            return attempt()
        except Exception as error:
            failures = 1 if progressed() else failures + 1
            asked = asked_pause(error) if lost or not is_lost(error) else None
            if asked is None or failures > patience.retries:
                raise
            pause = max(asked, patience.backoff(failures))
            if waited + pause > MAX_WAIT:
                raise
            if pause >= WORTH_SAYING:
                _logger.warning("Waiting %.0f s before trying again: %s", pause, _reason(error))
        time.sleep(pause)
        waited += pause


def asked_pause(error: BaseException) -> float | None:
    """Tell how many seconds an error asks to wait, 0 if it does not say; None for one that does not pass."""
    response = getattr(error, "response", None)
    if response is not None and getattr(response, "status_code", 0) in PASSING:
        return _retry_after(response.headers)
    return 0.0 if is_lost(error) else None


def is_lost(error: BaseException | None) -> bool:
    """Tell whether an error means that the connection broke, or was never made."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    library = http_library()
    if isinstance(error, LocalEntryNotFoundError):
        return is_lost(error.__cause__)
    return isinstance(error, (library.TimeoutException, library.NetworkError, library.RemoteProtocolError, Interrupted))


def http_library() -> ModuleType:
    """Find the HTTP library that huggingface_hub uses: httpx in 1.x, httpx2 in 2.x."""
    from huggingface_hub.utils import get_session

    names = [kind.__module__.partition(".")[0] for kind in type(get_session()).__mro__]
    return import_module(next(name for name in names if name in ("httpx", "httpx2")))


def _reason(error: BaseException) -> str:
    """Say in a line what went wrong; what a Hub says cannot move the cursor."""
    said = "".join(char if char.isprintable() else " " for char in str(error)[:1000])
    return said.strip()[:200] or type(error).__name__


def _retry_after(headers: Mapping[str, str]) -> float:
    """Read ``Retry-After``, in seconds or as a date, and the rate limit that huggingface.co sends; 0 without either."""
    from huggingface_hub.utils import parse_ratelimit_headers

    limit = parse_ratelimit_headers(headers)
    reset = float(limit.reset_in_seconds) if limit and limit.remaining == 0 else 0.0
    value = headers.get("retry-after", "").strip()
    return max(reset, float(value) if value.isascii() and value.isdecimal() else _until(value))


def _until(date: str) -> float:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


def _number(name: str, default: float) -> float:
    text = os.environ.get(name)
    try:
        number = float(text) if text else float(default)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise BadConfig(f"{name} is {text!r}, not a number of 0 or more.", f"Unset it, or set it to {default:g}.")
    return number
