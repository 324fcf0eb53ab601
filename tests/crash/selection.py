"""Which of the points a test tries: a sample in ``make test``, and every single one in ``make test-more``.

The sample is the same in every run. Every point takes minutes, so they are dealt out to five parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.crash.points import SOCKET, Place, Point, places
from tests.tiers import FIFTHS

__all__ = ["Kill", "Pick", "picks"]

Kill = tuple[Place, bool]
"""The place of a point, and whether half of its write is written first."""

_WITHIN = 2
"""A point within a long request: its head and a part of its body are sent."""


@dataclass(frozen=True)
class Pick:
    """A choice of points.

    Attributes:
        part: Which part of all points, counted from 0; None for the sample.
    """

    part: int | None = None

    def __str__(self) -> str:
        return "sample" if self.part is None else f"part {self.part + 1} of {FIFTHS}"

    def kills(self, points: Sequence[Point], *, every: int = 1, of_all: int = 1) -> list[Kill]:
        """Choose where to kill: before each point, and in the middle of each write to a file.

        In the sample, the first of each step is enough, and one within each long request.

        Args:
            points: The points of a run that nobody killed.
            every: Take one in so many of the sample, where another test goes almost the same way.
            of_all: Take one in so many of all points.
        """
        chosen: list[Kill] = []
        for point, (step, place) in zip(points, places(points), strict=True):
            head = place == 0 or (place == _WITHIN and point.path == SOCKET and point.call == "sendto")
            if head or self.part is not None:
                chosen += [((step, place), torn) for torn in (False, True) if not torn or point.is_write]
        return chosen[::every] if self.part is None else chosen[::of_all][self.part :: FIFTHS]

    def enough(self, sample: float, part: float) -> float:
        """Return the share of the runs that must end by the kill: threads take turns, and a last point may not come."""
        return sample if self.part is None else part


picks = pytest.mark.parametrize(
    "pick", [Pick(), *(pytest.param(Pick(part), marks=pytest.mark.more) for part in range(FIFTHS))], ids=str
)
"""Run a test with the sample, and once with each part of all points."""
