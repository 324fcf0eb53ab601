"""The corpus: how often a level is too high, and how often it is too low."""

from __future__ import annotations

from collections import Counter

import pytest

from hfver.core.version import Bump
from hfver.model.compare import Difference, compare
from tests.model.compare.pairs import PAIRS, MadePair

QUICK = 8
"""Every how manieth pair is compared in each run of the tests; a class is loaded for each, which takes seconds."""


def compared(pair: MadePair) -> Difference:
    return compare(*pair.sides())


@pytest.mark.parametrize("pair", PAIRS[::QUICK], ids=lambda pair: pair.name)
def test_a_pair_has_its_level(pair: MadePair) -> None:
    difference = compared(pair)
    assert difference.level == pair.level, difference


def test_names_are_unique() -> None:
    assert len({pair.name for pair in PAIRS}) == len(PAIRS)


@pytest.mark.more
@pytest.mark.timeout(1800)
def test_no_level_is_too_low_and_none_too_high(capsys: pytest.CaptureFixture[str]) -> None:
    """A level that is too low breaks whoever pinned a range; one that is too high wastes a MAJOR."""
    found = {pair.name: compared(pair).level for pair in PAIRS}
    wrong = [pair for pair in PAIRS if found[pair.name] != pair.level]
    missed = [pair.name for pair in wrong if pair.level is Bump.MAJOR]
    false = [pair.name for pair in wrong if found[pair.name] is Bump.MAJOR]
    majors = sum(pair.level is Bump.MAJOR for pair in PAIRS)
    families = ", ".join(f"{count} {family}" for family, count in sorted(Counter(p.family for p in PAIRS).items()))
    with capsys.disabled():
        print(f"\n{len(PAIRS)} pairs ({families})")
        print(f"missed MAJOR: {len(missed)} of {majors}; false MAJOR: {len(false)} of {len(PAIRS) - majors}")
    assert not missed and not false and not wrong, [(pair.name, found[pair.name], pair.level) for pair in wrong]
