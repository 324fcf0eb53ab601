"""The author's prose from release to release: it is kept, and what hfver wrote is replaced."""

from __future__ import annotations

import pytest

from hfver.model.card import render_card

from .conftest import Make

HEAD = "<!-- hfver:begin head"
RELEASE = "<!-- hfver:begin release"


def _card(make: Make, readme: str | None, **more: object) -> str:
    return render_card(make(readme, **more)).decode()


def _without_ours(card: str) -> str:
    from hfver.core.front_matter import split_front_matter
    from hfver.model.card.sections import read_prose

    prose = read_prose(split_front_matter(card, "card")[1])
    return "\n\n".join(filter(None, (prose.above, prose.below)))


@pytest.mark.parametrize(
    "readme",
    [
        None,
        "",
        "# Title\n\nWords.\n",
        "Title\n=====\n\nWords.\n",
        "Words only, no title.",
        "---\nlicense: mit\n---\n\n# T\n\n```python\nx = 1\n```\n\n- a\n- b\n",
        "\ufeff# BOM and CRLF\r\n\r\nWords.\r\n",
        "---\nnot a mapping\n---\n\nWords.\n",
        "## Starts at two\n\n    indented code\n",
    ],
)
def test_rendering_again_changes_nothing(make: Make, readme: str | None) -> None:
    once = _card(make, readme)
    assert _card(make, once) == once


def test_the_next_release_keeps_the_prose_and_replaces_the_rest(make: Make) -> None:
    first = _card(make, "# Bot\n\nMy words.\n", version="1.0.0", bump=None)
    second = _card(make, first, version="1.1.0", previous_version="1.0.0")
    assert _without_ours(second) == "# Bot\n\nMy words."
    assert "1.1.0" in second
    assert "acme/support-bot@1.0.0" not in second


def test_text_around_our_parts_is_kept_in_place(make: Make) -> None:
    card = _card(make, "# Bot\n\nMiddle.\n")
    edited = card.replace(HEAD, f"Above.\n\n{HEAD}") + "\n## After\n\nBelow.\n"
    again = _card(make, edited)
    order = [again.index(word) for word in ("# Bot", "Middle.", RELEASE, "Below.")]
    assert order == sorted(order)
    assert "Above." in again
    assert _card(make, again) == again


def test_text_inside_our_parts_is_replaced(make: Make) -> None:
    card = _card(make, "# Bot\n").replace("## Facts", "LOST\n\n## Facts")
    assert "LOST" not in _card(make, card)


def test_the_authors_title_comes_first(make: Make) -> None:
    body = _card(make, "# My own title\n\nWords.\n").split("---\n", 2)[2]
    assert body.lstrip().startswith("# My own title\n")
    assert body.count("\n# ") == 1


def test_without_a_title_the_name_of_the_repo_is_used(make: Make) -> None:
    assert "\n# support-bot\n" in _card(make, "Words.")


def test_marks_in_a_code_fence_are_prose(make: Make) -> None:
    prose = f"# T\n\n```\n{HEAD} -->\nexample\n<!-- hfver:end head -->\n```"
    card = _card(make, prose)
    assert _without_ours(card) == prose
    assert _card(make, card) == card


@pytest.mark.parametrize(
    "prose",
    [
        "words\n\n<!-- hfver:begin head -->\nmore words",
        "<!-- hfver:end head -->\n\nmore words",
        "<!-- hfver:begin release -->\n<!-- hfver:begin head -->\nmore words\n<!-- hfver:end release -->",
    ],
)
def test_an_incomplete_mark_removes_no_text(make: Make, prose: str) -> None:
    card = _card(make, prose)
    assert "more words" in card
    assert card.count(HEAD) == card.count(RELEASE) == 1
    assert _card(make, card) == card


@pytest.mark.parametrize(
    ("prose", "closed"),
    [
        ("```python\nx = 1", "```python\nx = 1\n```"),
        ("~~~~\nx", "~~~~\nx\n~~~~"),
        ("words <!-- forgotten", "words <!-- forgotten\n-->"),
        ("<details>\n<summary>a</summary>\n\nb", "<details>\n<summary>a</summary>\n\nb\n\n</details>"),
        ("`<details>` and `<!--` in words", "`<details>` and `<!--` in words"),
        ("<details>\n\na\n\n</details>", "<details>\n\na\n\n</details>"),
        ("<!-- a --> b <!-- c -->", "<!-- a --> b <!-- c -->"),
    ],
)
def test_what_the_author_left_open_does_not_swallow_our_parts(make: Make, prose: str, closed: str) -> None:
    assert f"{closed}\n\n{RELEASE}" in _card(make, prose)


def test_the_address_of_a_local_hub_is_not_published(make: Make) -> None:
    for endpoint in ("http://127.0.0.1:8041", "http://localhost:5000", "http://[::1]:80"):
        card = _card(make, "# T\n", endpoint=endpoint)
        assert endpoint not in card
        assert "url: lineage.yaml" in card


def test_an_endpoint_is_linked_and_named(make: Make) -> None:
    card = _card(make, None, endpoint="https://hub.acme.example/")
    assert "(https://hub.acme.example/openai-community/gpt2/tree/" in card
    assert "# export HF_ENDPOINT=https://hub.acme.example\n" in card


def test_a_card_with_almost_no_facts_has_no_empty_sections(make: Make) -> None:
    card = _card(make, None, lineage={}, smoke=None, message=None, changes=(), bump=None, previous_version=None)
    for absent in ("## Evaluation", "## Training", "## Lineage", "## What changed", "None", "Smoke"):
        assert absent not in card
