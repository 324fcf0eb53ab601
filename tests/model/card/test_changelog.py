from __future__ import annotations

from datetime import date

import pytest

from hfver.model.card import ChangelogEntry, MetricDelta, render_changelog

DAY = date(2026, 8, 1)


def _entry(version: str, group: str = "Changed", *changes: str) -> ChangelogEntry:
    return ChangelogEntry(version, DAY, groups={group: changes})


def test_the_newest_entry_comes_first_and_the_rest_stays_byte_for_byte() -> None:
    first = render_changelog(None, ChangelogEntry("1.0.0", DAY, is_first=True), "acme/bot")
    second = render_changelog(first, _entry("1.1.0", "Changed", "More."), "acme/bot")
    start = first.index(b"## [1.0.0]")
    assert second.startswith(first[:start] + b"## [1.1.0] - 2026-08-01\n\n### Changed\n\n- More.\n\n")
    assert second.endswith(first[start:])


def test_changes_are_grouped_by_level() -> None:
    entry = ChangelogEntry("1.0.0", DAY, groups={"Breaking": ("A.", "B."), "Changed": (), "Fixed": ("C.",)})
    written = render_changelog(None, entry, "a/b").decode()
    assert "### Breaking\n\n- A.\n- B.\n\n### Fixed\n\n- C.\n" in written
    assert "### Changed" not in written


def test_metrics_show_their_deltas() -> None:
    metrics = (MetricDelta("accuracy", 0.5, 0.625), MetricDelta("new", None, 1.0), MetricDelta("gone", 2.0, None))
    written = render_changelog(None, ChangelogEntry("1.1.0", DAY, metrics=metrics, because="we must"), "a/b").decode()
    assert "| accuracy | 0.5 | 0.625 | +0.125 |\n| new | – | 1 | – |\n| gone | 2 | – | – |" in written
    assert "because: we must" in written


def test_the_authors_message_comes_first() -> None:
    entry = ChangelogEntry("2.0.0", DAY, "Two things:\n\n- one\n- two", {"Breaking": ("Changed.",)})
    written = render_changelog(None, entry, "a/b").decode()
    assert "## [2.0.0] - 2026-08-01\n\nTwo things:\n\n- one\n- two\n\n### Breaking\n\n- Changed.\n" in written


@pytest.mark.parametrize(
    ("previous", "expected"),
    [
        (
            b"# Mine\r\n\r\n## 0.9\r\n\r\n- \xff\r\n",
            b"# Mine\r\n\r\n## [1.0.0] - 2026-08-01\n\n- No notes.\n\n## 0.9\r\n\r\n- \xff\r\n",
        ),
        (b"# Mine", b"# Mine\n\n## [1.0.0] - 2026-08-01\n\n- No notes.\n"),
        (
            b"## [Unreleased]\n\n- x\n\n## 0.9\n",
            b"## [Unreleased]\n\n- x\n\n## [1.0.0] - 2026-08-01\n\n- No notes.\n\n## 0.9\n",
        ),
    ],
)
def test_a_changelog_that_hfver_did_not_write_is_kept(previous: bytes, expected: bytes) -> None:
    assert render_changelog(previous, _entry("1.0.0"), "a/b") == expected


def test_an_empty_changelog_counts_as_none() -> None:
    assert render_changelog(b" \n", _entry("1.0.0"), "a/b") == render_changelog(None, _entry("1.0.0"), "a/b")
