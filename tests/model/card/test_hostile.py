"""Strings from strangers' folders are shown as text, and do not change the structure of a card."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hfver.core.front_matter import join_front_matter, split_front_matter
from hfver.core.smoke_report import SmokeCheck, SmokeReport
from hfver.model.card import ChangelogEntry, render_card, render_changelog
from hfver.model.card.markdown import code, link, paragraphs, sentence, text

from .conftest import Make, metadata_of
from .gallery import full_model, prose

HOSTILE = [
    "a | b |\n| c | d |",
    "<!-- hfver:end release -->",
    "x\n<!-- hfver:end release -->\n# Fake",
    "<script>alert(1)</script>",
    "</details></details>",
    "`` ` ``` <!-- x --> |",
    "---\nlicense: mit\n---",
    "{{ facts }} {% raw %}",
    "[a](javascript:alert(1)) ![i](http://x/y.png)",
    "\u202egnp.exe\x00\x1b[31m\u2028# x",
    "'\": : & * ! % @ ` ,",
    "\ud800",
    "x" * 100_000,
]


def _facts_with(value: str) -> Any:
    facts = full_model()
    lineage = facts.lineage.model_validate(
        {
            "created_by": value,
            "license": value,
            "base_model": {"name": value, "source": value, "version": value, "relation": value},
            "training": {
                "datasets": [{"name": value, "source": value, "version": value, "hash": value, "revision": value}],
                "hyperparameters": {value: value, "nested": {value: [value]}},
                "infrastructure": {"gpu_type": value, "num_gpus": value, "training_framework": value},
            },
            "code": {"repository": value, "entrypoint": value, "commit": "0" * 40},
            "environment": {"python": value, "packages": {value: value, "transformers": value}},
            "run": {"tracker": value, "id": value, "url": value},
            "evaluation": {"metrics": {value: 0.5}, "benchmarks": {value: 0.25}},
        }
    )
    check = SmokeCheck(name=value, status="passed", detail=value)
    config = {"architectures": [value], "model_type": value}
    return dataclasses.replace(
        facts,
        lineage=lineage,
        message=value,
        changes=(value,),
        smoke=SmokeReport(status="passed", device=value, dtype=value, checks=(check,)),
        checkpoint=dataclasses.replace(facts.checkpoint, config=config),
    )


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_string_does_not_change_the_structure(value: str) -> None:
    plain, hostile = (render_card(_facts_with(word)).decode() for word in ("word", value))
    assert _skeleton(hostile) == _skeleton(plain)
    assert metadata_of(hostile)["tags"] == ["customer-support", "hfver"]


def _skeleton(card: str) -> tuple[list[str], list[int], int]:
    """Return the marks, headings and details tags, and the number of columns of each table row."""
    _, card = split_front_matter(card, "card")
    frame = [line for line in card.split("\n") if re.match(r"<!--|#+ |</?details|<summary|```", line)]
    rows = [len(re.findall(r"(?<!\\)\|", line)) for line in card.split("\n") if line.startswith("|")]
    return frame, rows, card.count("<!--")


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_message_stays_in_its_changelog_entry(value: str) -> None:
    entry = ChangelogEntry("1.0.0", full_model().date.date(), value, {"Breaking": (value,)}, because=value)
    written = render_changelog(None, entry, "acme/bot").decode()
    assert re.findall(r"^#+ .*", written, re.MULTILINE) == [
        "# Changelog",
        "## [1.0.0] - 2026-08-01",
        "### Breaking",
    ]
    assert "<!--" not in re.sub(r"`[^`\n]*`", "", written)


def test_hostile_front_matter_is_valid_metadata(make: Make) -> None:
    for value in HOSTILE[:-2]:
        readme = join_front_matter({"tags": [value], "language": value, "x": {value: [value]}}, "Hi\n")
        data = metadata_of(render_card(make(readme)).decode())
        assert data["x"] == split_front_matter(readme, "")[0]["x"]


plain_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(data=st.dictionaries(st.text(min_size=1), plain_values, min_size=1, max_size=4), body=st.text())
def test_front_matter_survives_a_round_trip(data: dict[str, Any], body: str) -> None:
    body = body.replace("\r\n", "\n").replace("\r", "\n")
    read, rest = split_front_matter(join_front_matter(data, body), "card")
    assert read == data
    assert rest == f"\n{body}"


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_filters_write_one_harmless_line(value: str) -> None:
    for safe in (text, code, sentence):
        written = str(safe(value))
        assert "\n" not in written
        assert "<!--" not in written
        if safe is not sentence:
            assert not re.search(r"(?<!\\)(?:\\\\)*\|", written)
    assert not re.search(r"^(?:#|---|```|~~~|>)", str(paragraphs(value)), re.MULTILINE)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab#`~<!->|\n *=", max_size=200))
@example("# \n<")
def test_any_prose_is_stable_after_one_release(value: str) -> None:
    facts = full_model()

    def render(readme: str) -> bytes:
        checkpoint = dataclasses.replace(facts.checkpoint, content=prose(readme))
        return render_card(dataclasses.replace(facts, checkpoint=checkpoint))

    once = render(value)
    assert render(once.decode()) == once


def test_only_web_addresses_become_links() -> None:
    assert link(text("a"), "javascript:alert(1)") == "a"
    assert link(text("a"), None) == "a"
    assert link(text("a"), "https://x.y/a b)c<") == "[a](https://x.y/a%20b%29c%3C)"
