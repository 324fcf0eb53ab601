"""The changelog of a repo: which versions it shows, and that yanked ones are marked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.errors import HubNotFound
from tests.building import build_releases
from tests.hostile.checkpoints import model

REPO = "acme/bot"


@pytest.fixture
def hub(local_hub: LocalHub) -> LocalHub:
    """A Hub with releases 1.0.0 to 1.3.0 of one repo."""
    build_releases(local_hub, REPO, 4)
    return local_hub


def headings(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^## \[([^\]]+)\] - 2026-01-01( \[YANKED\])?$", text, re.MULTILINE)


def versions(text: str) -> list[str]:
    return [version for version, _ in headings(text)]


def yanked(text: str) -> list[str]:
    return [version for version, mark in headings(text) if mark]


def test_all_versions_newest_first(hub: LocalHub) -> None:
    text = hfver.changelog(REPO, hub=hub)
    assert text.startswith("# Changelog\n\n## [1.3.0]") and text.endswith("- More data, round 0.\n")
    assert versions(text) == ["1.3.0", "1.2.0", "1.1.0", "1.0.0"]
    assert not yanked(text)


@pytest.mark.parametrize(
    ("after", "upto", "expected"),
    [
        ("1.1.0", None, ["1.3.0", "1.2.0"]),
        (None, "1.1.0", ["1.1.0", "1.0.0"]),
        ("1.0.0", "1.2.0", ["1.2.0", "1.1.0"]),
        ("1.3.0", None, []),
        ("1.2.0", "1.1.0", []),
    ],
)
def test_bounds(hub: LocalHub, after: str | None, upto: str | None, expected: list[str]) -> None:
    assert versions(hfver.changelog(REPO, after=after, upto=upto, hub=hub)) == expected


def test_yanked_versions_are_marked_with_the_reason(hub: LocalHub) -> None:
    hfver.yank(f"{REPO}@1.1.0", "wrong *data*", hub=hub)
    text = hfver.changelog(REPO, hub=hub)
    assert versions(text) == ["1.3.0", "1.2.0", "1.1.0", "1.0.0"]
    assert yanked(text) == ["1.1.0"]
    assert "## [1.1.0] - 2026-01-01 [YANKED]\n\nYanked: wrong *data*\n\n- More data, round 1.\n\n## [1.0.0]" in text


def test_yanked_versions_that_are_newer_than_the_changelog_are_not_left_out(hub: LocalHub) -> None:
    hfver.yank(f"{REPO}@1.3.0", "worse", hub=hub)
    hfver.yank(f"{REPO}@1.2.0", "wrong <b>data</b>\n## [9.9.9]", hub=hub)
    text = hfver.changelog(REPO, hub=hub)
    assert versions(text) == ["1.3.0", "1.2.0", "1.1.0", "1.0.0"]
    assert yanked(text) == ["1.3.0", "1.2.0"]
    assert "[YANKED]\n\nYanked: worse\n\n## [1.2.0]" in text
    assert "\n## [9.9.9]" not in text and "<b>" not in text
    assert versions(hfver.changelog(REPO, after="1.2.0", hub=hub)) == ["1.3.0"]
    assert versions(hfver.changelog(REPO, upto="1.2.0", hub=hub)) == ["1.2.0", "1.1.0", "1.0.0"]
    assert yanked(hfver.changelog(REPO, upto="1.2.0", hub=hub)) == ["1.2.0"]


def test_a_yank_that_was_undone_is_not_shown(hub: LocalHub) -> None:
    hfver.yank(f"{REPO}@1.3.0", "worse", hub=hub)
    hfver.yank(f"{REPO}@1.3.0", undo=True, hub=hub)
    assert "YANKED" not in hfver.changelog(REPO, hub=hub).upper()


def test_yanked_prereleases_are_left_out_like_all_prereleases(hub: LocalHub, tmp_path: Path) -> None:
    hfver.release(
        model(tmp_path / "model"),
        REPO,
        hub=hub,
        smoke="off",
        allow=["no-tokenizer"],
        because="a test",
        version="2.0.0-rc.1",
    )
    hfver.yank(f"{REPO}@2.0.0-rc.1", "too early", hub=hub)
    assert versions(hfver.changelog(REPO, hub=hub)) == ["1.3.0", "1.2.0", "1.1.0", "1.0.0"]


def test_nothing_is_fetched_twice(hub: LocalHub, requests: list[str]) -> None:
    requests.clear()
    hfver.changelog(REPO, hub=hub)
    assert len(requests) == len(set(requests))


def test_no_release_is_left(hub: LocalHub) -> None:
    for version in ("1.0.0", "1.1.0", "1.2.0", "1.3.0"):
        hfver.yank(f"{REPO}@{version}", "gone", hub=hub)
    with pytest.raises(HubNotFound, match="was yanked"):
        hfver.changelog(REPO, hub=hub)
