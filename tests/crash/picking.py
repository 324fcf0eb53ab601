"""Which of the points to try: some of the requests and files in CI, every system call by hand.

The sample is the same in every run. ``HFVER_CRASH_POINTS=all pytest tests/crash`` tries all of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from tests.crash.points import SOCKET, Place, Point, places

__all__ = ["ALL", "Kill", "kills"]

ALL = os.environ.get("HFVER_CRASH_POINTS") == "all"
"""Whether every point is tried; it takes minutes."""

Kill = tuple[Place, bool]
"""A point by its place, and whether half of its write is let through."""

_WITHIN = 2
"""Within a long request: its head and some of its body are out."""


def kills(points: Sequence[Point], *, every: int = 1) -> list[Kill]:
    """Choose where to kill: before each point, and in the middle of each write to a file.

    Unless all are asked for, the first of each step is enough, and one within each long request; and every so many
    of those where another test goes almost the same way.
    """
    chosen: list[Kill] = []
    for point, (step, place) in zip(points, places(points), strict=True):
        if ALL or place == 0 or (place == _WITHIN and point.path == SOCKET and point.call == "sendto"):
            chosen += [((step, place), torn) for torn in (False, True) if not torn or point.is_write]
    return chosen if ALL else chosen[::every]
