"""A line in the log for each request that hfver sends, or has huggingface_hub send.

The lines come from hooks on the HTTP client that huggingface_hub shares with the whole process. So they check that a
request is ours: what a program does with huggingface_hub by itself is not for hfver to log.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

from hfver.core.log import logger

__all__ = ["watched"]

_ours: ContextVar[bool] = ContextVar("_ours", default=False)
_adding = Lock()
_STARTED = "hfver_started"


@contextmanager
def watched() -> Iterator[None]:
    """Log the requests of this thread for as long as the block lasts."""
    if not logger.isEnabledFor(logging.INFO):
        yield
        return
    _add_hooks()
    before = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(before)


def _add_hooks() -> None:
    from huggingface_hub.utils import get_session

    hooks = get_session().event_hooks
    with _adding:
        if _note_response not in hooks["response"]:
            hooks["request"].append(_note_request)
            # First, because a hook may raise: the one that stops huggingface_hub's own retries does.
            hooks["response"].insert(0, _note_response)


def _note_request(request: Any) -> None:
    request.extensions[_STARTED] = time.perf_counter()


def _note_response(response: Any) -> None:
    """Log how long the headers of a response took; its body follows later."""
    if not _ours.get():
        return
    request = response.request
    seconds = time.perf_counter() - request.extensions.get(_STARTED, time.perf_counter())
    logger.info("%s %s: %s in %.3f s", request.method, request.url, response.status_code, seconds)
    if logger.isEnabledFor(logging.DEBUG):
        shown = ("content-length", "content-range", "retry-after", "x-request-id", "x-repo-commit", "location")
        found = (f"{name}: {response.headers[name]}" for name in shown if name in response.headers)
        logger.debug("  %s", "; ".join(found) or "no headers of note")
