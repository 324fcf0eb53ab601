"""Retrying: transient failures are retried with growing pauses, as the Hub asks, and not forever."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from hfver.core.log import logger
from hfver.core.settings_files import by_variables, project_file, user_file

__all__ = [
    "TRANSIENT_STATUSES",
    "Interrupted",
    "RetryPolicy",
    "call_with_retries",
    "http_library",
    "is_lost",
    "requested_pause",
]

TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP statuses of transient failures."""

LONGEST_BACKOFF = 8.0
"""Seconds between two attempts, unless the Hub asks for more."""

MAX_WAIT = 300.0
"""Seconds that one request waits in all, between its attempts. Hubs count requests in windows of five minutes."""

WORTH_SAYING = 10.0
"""Seconds of waiting after which a user would think that the program hangs."""

T = TypeVar("T")


class Interrupted(Exception):
    """A response ended before it was complete."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently a request is retried.

    Attributes:
        retries: How often a request is sent again.
        pause: Seconds before the first retry; doubled for each further one.
        timeout: Seconds of silence after which a connection is given up.
        floor: Bytes of a response in 30 seconds, below which a connection is given up.
    """

    retries: int = 5
    pause: float = 0.5
    timeout: float = 60.0
    floor: int = 30_000

    @classmethod
    def from_settings(cls) -> RetryPolicy:
        """Read ``[http]`` of the settings that apply in the working directory, and the variables that win over it.

        Raises:
            BadConfig: A variable or a file holds something unknown or wrong.
        """
        # Most machines set nothing, which can be found out without loading the model of all settings.
        if not any(name.startswith("http.") for name in by_variables()) and not (
            project_file(Path.cwd()) or user_file()
        ):
            return cls()
        from hfver.core.settings import load_settings

        http = load_settings().settings.http
        return cls(http.retries, http.pause, http.timeout, http.floor)

    def pauses(self) -> Iterator[float]:
        """Yield the seconds to wait between reads of what was just written: a Hub may answer from a cache."""
        yield from map(self.backoff, range(1, self.retries + 1))

    def backoff(self, failures: int) -> float:
        """Choose the seconds to wait after so many failures in a row; random, so that clients do not retry in step."""
        longest = min(LONGEST_BACKOFF, self.pause * 2 ** (failures - 1))
        return random.uniform(longest / 2, longest)  # noqa: S311 - spreads clients, guards nothing


def call_with_retries(
    attempt: Callable[[], T],
    policy: RetryPolicy,
    *,
    progressed: Callable[[], bool] = lambda: False,
    lost: bool = True,
) -> T:
    """Call until it succeeds, fails permanently, or the policy is exhausted; then the last error is raised.

    Args:
        attempt: What to call.
        policy: How often and how patiently.
        progressed: Called after a failure: whether the attempt came so far that it counts as the first one.
        lost: Whether broken connections are retried here; False where the attempt does so itself.
    """
    failures, waited = 0, 0.0
    while True:
        try:
            return attempt()
        except Exception as error:
            # A download of hours may break many times, as long as it advances in between.
            failures = 1 if progressed() else failures + 1
            asked = requested_pause(error) if lost or not is_lost(error) else None
            if asked is None or failures > policy.retries:
                raise
            pause = max(asked, policy.backoff(failures))
            if waited + pause > MAX_WAIT:
                raise
            _say_retry(pause, f"retry {failures} of {policy.retries}", error)
        time.sleep(pause)
        waited += pause


def _say_retry(pause: float, which: str, error: BaseException) -> None:
    if pause >= WORTH_SAYING:
        logger.warning("Waiting %.0f s before trying again (%s): %s", pause, which, _reason(error))
    else:
        logger.info("Trying again in %.2f s (%s): %s", pause, which, _reason(error))


def requested_pause(error: BaseException) -> float | None:
    """Return how many seconds an error asks to wait, 0 if it does not say; None for one that is permanent."""
    response = getattr(error, "response", None)
    if response is not None and getattr(response, "status_code", 0) in TRANSIENT_STATUSES:
        return _retry_after(response.headers)
    return 0.0 if is_lost(error) else None


def is_lost(error: BaseException | None) -> bool:
    """Return whether an error means that the connection broke, or was never made."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    library = http_library()
    if isinstance(error, LocalEntryNotFoundError):
        return is_lost(error.__cause__)
    return isinstance(error, (library.TimeoutException, library.NetworkError, library.RemoteProtocolError, Interrupted))


def http_library() -> ModuleType:
    """Return the HTTP library that huggingface_hub uses: httpx in 1.x, httpx2 in 2.x."""
    from huggingface_hub.utils import get_session

    names = [kind.__module__.partition(".")[0] for kind in type(get_session()).__mro__]
    return import_module(next(name for name in names if name in ("httpx", "httpx2")))


def _reason(error: BaseException) -> str:
    """Say in one line what went wrong; text from a Hub cannot move the cursor."""
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
