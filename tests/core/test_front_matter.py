from __future__ import annotations

import time
from datetime import date

import pytest

from hfver.core.front_matter import join_front_matter, split_front_matter
from hfver.errors import BadConfig
from tests.front_matter_cases import FRONT_MATTER_CASES, FrontMatterCase

PROSE = {"list", "scalar", "begins with a horizontal rule"}
"""Blocks that the Hub refuses and hfver leaves in the body, since a card of hfver's has a block of its own above."""


def plain(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("case", FRONT_MATTER_CASES, ids=lambda case: case.name)
def test_the_shared_cases(case: FrontMatterCase) -> None:
    if not case.valid and case.name not in PROSE:
        with pytest.raises(BadConfig, match="The metadata at the top of card"):
            split_front_matter(case.text, "card")
        return
    data, body = split_front_matter(case.text, "card")
    assert data == (case.expected or {})
    if case.expected is None:
        assert body == plain(case.text)
    else:
        assert "license" not in body
        assert plain(case.text).endswith(body)


@pytest.mark.parametrize(
    ("text", "data", "body"),
    [
        ("---\na: 1\n---\nB", {"a": 1}, "B"),
        ("\ufeff---\r\na: 1\r\n---\r\nB\r\n", {"a": 1}, "B\n"),
        ("---\n---\nB", {}, "---\n---\nB"),
        ("---\n\n---\nB", {}, "B"),
        ("---\na: 1\n---", {"a": 1}, ""),
        ("---\nwords\n---\nB", {}, "---\nwords\n---\nB"),
        ("---\nno end", {}, "---\nno end"),
        ("B\n---\na: 1\n---\n", {}, "B\n---\na: 1\n---\n"),
        ("---\na: '---'\nb: |-\n  ---\n---\nB", {"a": "---", "b": "---"}, "B"),
        ("\ufeffB", {}, "B"),
        ("", {}, ""),
    ],
)
def test_metadata_and_body(text: str, data: dict[str, object], body: str) -> None:
    assert split_front_matter(text, "card") == (data, body)


def test_scalars_that_only_look_like_a_date_or_a_number_stay_as_written() -> None:
    long = "1" + ":1" * 100_000
    text = f"---\ndate: 2001-99-99\nreal: 2024-02-29\nsha: 0123456\ntime: 1:30\nlong: {long}\nn: {'9' * 5000}\n---\n"
    began = time.process_time()
    data, _ = split_front_matter(text, "card")
    assert time.process_time() - began < 2
    assert data == {
        "date": "2001-99-99",
        "real": date(2024, 2, 29),
        "sha": "0123456",
        "time": "1:30",
        "long": long,
        "n": "9" * 5000,
    }
    assert split_front_matter(join_front_matter(data, "B"), "card") == (data, "\nB")


def test_an_error_says_the_line_of_the_card() -> None:
    with pytest.raises(BadConfig, match=r"README\.md cannot be read: .*line 5: "):
        split_front_matter("\n\n---\na: 1\nb: *a\n---\n", "README.md")


@pytest.mark.parametrize(
    "block", ["a: " + "x" * 600_000, "a: " + "[" * 40 + "]" * 40, "a: 1\n" * 100_000], ids=["long", "deep", "many"]
)
def test_a_block_beyond_the_bounds_is_refused(block: str) -> None:
    with pytest.raises(BadConfig):
        split_front_matter(f"---\n{block}\n---\n", "card")
