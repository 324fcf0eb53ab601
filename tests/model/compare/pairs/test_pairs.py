"""The corpus: how often a level is too high, and how often it is too low."""

from __future__ import annotations

import pytest

from hfver.model.compare import Difference, compare
from tests.model.compare import rates
from tests.model.compare.pairs import PAIRS, MadePair

QUICK = 8
"""Every how manieth pair is compared in each run of the tests; a class is loaded for each, which takes seconds."""


def compared(pair: MadePair) -> Difference:
    return compare(*pair.sides())


@pytest.mark.parametrize("pair", PAIRS[::QUICK], ids=lambda pair: pair.name)
def test_a_pair_has_its_level(pair: MadePair) -> None:
    difference = compared(pair)
    assert difference.level == pair.level or pair.name in rates.KNOWN, difference


def test_names_are_unique() -> None:
    assert len({pair.name for pair in PAIRS}) == len(PAIRS)


@pytest.mark.more
@pytest.mark.timeout(1800)
def test_no_level_is_too_low_and_none_too_high(capsys: pytest.CaptureFixture[str]) -> None:
    """Each pair of tokenizers has a test of its own, so these are not compared again here."""
    judged = rates.judge(rates.made_pairs())
    with capsys.disabled():
        print(f"\n{rates.table(judged)}")
    wrong = {one.pair.name: str(one) for one in judged if not one.is_right}
    assert wrong.keys() == rates.KNOWN.keys() & {pair.name for pair in PAIRS}, wrong
