"""Every rule, on real tiny checkpoints: what triggers it, and near misses that must not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hfver.model.compare import RULES, Side, compare
from tests.model.compare.cases import CASES, Case

# The policy finds these changes, not the comparison.
ELSEWHERE = {"metric-regression", "denoising", "latent-space", "lora-header", "noise-schedule", "pipeline"}
"""The rule that policies apply, and those on pipelines, whose triggers and near misses are pairs made by diffusers."""


def case_id(case: Case) -> str:
    return f"{case.rule}-{case.on}-{case.level}"


def test_every_rule_has_a_trigger_and_a_near_miss() -> None:
    assert {case.rule for case in CASES} | ELSEWHERE == set(RULES)
    assert all(case.triggers and case.near for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_trigger_is_found(case: Case, sides: Mapping[str, Side]) -> None:
    before = case.first(sides[case.on])
    for number, trigger in enumerate(case.triggers):
        difference = compare(before, trigger(before))
        found = {change.level for change in difference.changes if change.rule == case.rule}
        assert case.level in found, (number, difference)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_near_miss_is_not_found(case: Case, sides: Mapping[str, Side]) -> None:
    before = case.first(sides[case.on])
    for number, near in enumerate(case.near):
        difference = compare(before, near(before))
        found = {change.level for change in difference.changes if change.rule == case.rule}
        assert case.level not in found, (number, difference)
