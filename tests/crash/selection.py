"""Which points to kill at: a sample of the requests and files in CI, every system call on request.

The sample is the same in every run. ``HFVER_CRASH_POINTS=all pytest tests/crash`` kills at all points.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from tests.crash.points import SOCKET, Place, Point, places

__all__ = ["ALL", "Kill", "kills"]

ALL = os.environ.get("HFVER_CRASH_POINTS") == "all"
"""Whether to kill at every point; this takes minutes."""

Kill = tuple[Place, bool]
"""The place of a point, and whether half of its write is written first."""

_WITHIN = 2
"""A point within a long request: its head and a part of its body are sent."""


def kills(points: Sequence[Point], *, every: int = 1) -> list[Kill]:
    """Choose where to kill: before each point, and in the middle of each write to a file.

    In the sample, that is the first point of each step and one within each long request.

    Args:
        points: The points of a run without a kill.
        every: Take only every n-th of the sample, for tests that largely repeat another.
    """
    chosen: list[Kill] = []
    for point, (step, place) in zip(points, places(points), strict=True):
        if ALL or place == 0 or (place == _WITHIN and point.path == SOCKET and point.call == "sendto"):
            chosen += [((step, place), torn) for torn in (False, True) if not torn or point.is_write]
    return chosen if ALL else chosen[::every]
