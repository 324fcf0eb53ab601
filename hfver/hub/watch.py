"""Watching requests: a line in the log for each one that hfver sends, and for each that it has sent for it.

The lines come from hooks of the client that huggingface_hub shares with the whole process, so they look whether the
request is ours: what a program does with huggingface_hub besides is not hfver's to log.
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
            # First: a hook that raises, as the one that ends a retry of huggingface_hub does, ends the round.
            hooks["response"].insert(0, _note_response)


def _note_request(request: Any) -> None:
    request.extensions[_STARTED] = time.perf_counter()


def _note_response(response: Any) -> None:
    """Say how long the headers of an answer took; its body comes after that."""
    if not _ours.get():
        return
    request = response.request
    seconds = time.perf_counter() - request.extensions.get(_STARTED, time.perf_counter())
    logger.info("%s %s: %s in %.3f s", request.method, request.url, response.status_code, seconds)
    if logger.isEnabledFor(logging.DEBUG):
        shown = ("content-length", "content-range", "retry-after", "x-request-id", "x-repo-commit", "location")
        found = (f"{name}: {response.headers[name]}" for name in shown if name in response.headers)
        logger.debug("  %s", "; ".join(found) or "no headers of note")
