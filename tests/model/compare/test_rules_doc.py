"""docs/versioning.md is written from the rules and cannot drift."""

from __future__ import annotations

import re
from pathlib import Path

from hfver.core.version import Bump
from hfver.model.compare import RULES
from hfver.model.compare.rules_doc import document
from hfver.model.compare.witness.recipes import NO_WITNESS, SHOWN

HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
WRITTEN = Path(__file__).parents[3] / "docs" / "versioning.md"


def test_the_document_is_up_to_date() -> None:
    assert WRITTEN.read_text() == document(), "run: python -m hfver.model.compare.rules_doc > docs/versioning.md"


def test_every_rule_says_who_breaks_and_gives_an_example_of_two_sentences() -> None:
    for rule in RULES.values():
        assert rule.breaks and rule.change and rule.seen
        assert len(rule.example) == 2 and all(line.endswith((".", "`", ")")) for line in rule.example)
        assert rule.detect or rule.explain or rule.id in ("metric-regression", "further-folder")


def test_every_rule_that_can_be_major_says_what_its_witness_shows_or_why_there_is_none() -> None:
    majors = {rule.id for rule in RULES.values() if rule.level is Bump.MAJOR or rule.levels.startswith("major")}
    assert majors <= SHOWN.keys() | NO_WITNESS.keys() <= RULES.keys()
    assert not SHOWN.keys() & NO_WITNESS.keys()


def test_every_link_leads_to_a_heading() -> None:
    text = document()
    headings = {re.sub(r"[^\w -]", "", line).strip().replace(" ", "-").lower() for line in HEADING.findall(text)}
    links = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert links and links <= headings


def test_no_cell_of_the_table_shows_an_escape_in_code() -> None:
    rows = [line for line in document().splitlines() if line.startswith("| [`")]
    assert len(rows) == len(RULES)
    assert not [span for row in rows for span in re.findall(r"`[^`]*`", row) if "\\" in span]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 6 for row in rows)
