"""A floor for the speed of a response: one that trickles would hold a command for ever, without a second of silence.

A response has no other bound in time: it may take its size, divided by the floor.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from hfver.hub.retry import Interrupted, http_library

__all__ = ["keep_pace"]

WINDOW = 30.0
"""Seconds over which the bytes of a response are counted."""


def keep_pace(response: Any, floor: int) -> None:
    """Make an open response fail, as a broken connection does, where it falls below a floor.

    Args:
        response: The response, of which nothing was read yet.
        floor: The minimum number of bytes in 30 seconds; 0 for none.
    """
    stream = response.stream

    class Paced(http_library().SyncByteStream):  # type: ignore[misc]
        """The bytes as they arrive: decoded ones would hide a compressed trickle."""

        def __iter__(self) -> Iterator[bytes]:
            return _at_pace(stream, floor)

        def close(self) -> None:
            stream.close()

    response.stream = Paced()


def _at_pace(stream: Iterable[bytes], floor: int) -> Iterator[bytes]:
    since, received = time.monotonic(), 0
    for block in stream:
        received += len(block)
        arrived = time.monotonic()
        if arrived - since >= WINDOW:
            if received < floor:
                raise Interrupted(f"received {received} bytes in {arrived - since:.0f} s, fewer than {floor}")
            since, received = arrived, 0
        yield block
        since += time.monotonic() - arrived  # what we do with the bytes is not the Hub's time
