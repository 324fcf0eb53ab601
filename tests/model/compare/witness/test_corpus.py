"""The witnesses of every pair that the tests have: each passes on the older side, and fails on the newer one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import transformers  # noqa: F401 - so that the forked workers have it

from hfver.core.version import Bump
from hfver.model.compare import Side
from tests.model.compare.cases import CASES
from tests.model.compare.pairs import PAIRS
from tests.model.compare.test_tokenizer_pairs import expected, side
from tests.model.compare.tokenizer_pairs import PAIRS as TOKENIZER_PAIRS
from tests.model.compare.witness.running import Result, witnessed

Named = tuple[str, Side, Side]
SAMPLE = 40
"""Every how manieth pair is tried in each run of the tests."""
LEAST = 0.9
"""The share of the MAJOR changes that have a witness, at least."""


def made_pairs() -> Iterator[Named]:
    for pair in PAIRS:
        if pair.level is Bump.MAJOR:
            yield (pair.name, *pair.sides())


def tokenizer_pairs() -> Iterator[Named]:
    for pair in TOKENIZER_PAIRS:
        if expected(pair) is Bump.MAJOR:
            before = pair.first(pair.of())
            yield pair.name, side(before), side(pair.edit(before))


def case_pairs(sides: Mapping[str, Side]) -> Iterator[Named]:
    for case in CASES:
        before = case.first(sides[case.on])
        for number, trigger in enumerate(case.triggers):
            yield f"{case.rule} on {case.on}, {number}", before, trigger(before)


def tried(pairs: Iterator[Named], folder: Path) -> list[tuple[str, Result]]:
    found = []
    for number, (name, before, after) in enumerate(pairs):
        found += [(name, result) for result in witnessed(before, after, folder / str(number))]
    return found


def check(found: list[tuple[str, Result]]) -> None:
    wrong = [(name, one.change, one.before, one.after) for name, one in found if not one.is_right]
    assert not wrong, "\n".join(map(str, wrong))


def test_a_sample_of_the_witnesses_shows_the_break(sides: Mapping[str, Side], tmp_path: Path) -> None:
    pairs = [*made_pairs(), *case_pairs(sides)]
    check(tried(iter(pairs[::SAMPLE]), tmp_path))


@pytest.mark.more
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", ["made", "tokenizers", "cases"])
def test_every_witness_shows_the_break(
    family: str, sides: Mapping[str, Side], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = {"made": made_pairs(), "tokenizers": tokenizer_pairs(), "cases": case_pairs(sides)}[family]
    found = tried(pairs, tmp_path)
    kinds = Counter(one.change.witness.kind if one.change.witness else "" for _, one in found)
    shown = sum(1 for _, one in found if one.before)
    bare = Counter(one.change.rule for _, one in found if not one.before)
    with capsys.disabled():
        print(
            f"\n{family}: {shown} of {len(found)} MAJOR changes have a witness ({dict(kinds)}); without: {dict(bare)}"
        )
    check(found)
    # Cases change licenses and bases on purpose, which no script can show.
    able = [one for _, one in found if one.change.rule not in ("license", "base-model", "minimum-library")]
    assert sum(1 for one in able if one.before) / len(able) >= LEAST
