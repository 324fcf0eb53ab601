"""The tiers of the tests: ``make test``, ``make test-more`` and ``make test-all``.

A test that is marked ``more`` takes long and is left to ``make test-more``; all others run in ``make test``, and both
run in ``make test-all``. CI runs one fifth of the former, another one with each commit.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

__all__ = ["FIFTHS", "fifth_of"]

FIFTHS = 5


def fifth_of(more: Sequence[pytest.Item], number: int) -> list[pytest.Item]:
    """Choose a fifth of the tests that are marked ``more``.

    They are dealt out in their order, so the parts of one long test go to different fifths.

    Args:
        more: All of them.
        number: Which fifth, from 1 to 5.
    """
    return list(more[number - 1 :: FIFTHS])
