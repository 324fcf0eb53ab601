"""docs/versioning.md is written from the rules and cannot drift."""

from __future__ import annotations

from pathlib import Path

from hfver.model.compare import RULES
from hfver.model.compare.rules_doc import document

WRITTEN = Path(__file__).parents[3] / "docs" / "versioning.md"


def test_it_is_what_the_rules_say() -> None:
    assert WRITTEN.read_text() == document(), "run: python -m hfver.model.compare.rules_doc > docs/versioning.md"


def test_every_rule_says_who_breaks_in_two_lines() -> None:
    for rule in RULES.values():
        assert rule.breaks and rule.change and rule.seen
        assert len(rule.example) == 2 and all(line.endswith((".", "`", ")")) for line in rule.example)
        assert rule.check or rule.sweep or rule.id == "metric-regression"
