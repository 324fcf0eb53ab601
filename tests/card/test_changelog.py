from __future__ import annotations

from datetime import date

import pytest

from hfver.card import ChangelogEntry, render_changelog

DAY = date(2026, 8, 1)


def _entry(version: str, bump: str | None = "minor", *changes: str) -> ChangelogEntry:
    return ChangelogEntry(version, DAY, bump, None, changes)


def test_the_newest_entry_comes_first_and_the_rest_stays_byte_for_byte() -> None:
    first = render_changelog(None, _entry("1.0.0", None), "acme/bot")
    second = render_changelog(first, _entry("1.1.0", "minor", "More."), "acme/bot")
    start = first.index(b"## [1.0.0]")
    assert second.startswith(first[:start] + b"## [1.1.0] - 2026-08-01\n\n### Changed\n\n- More.\n\n")
    assert second.endswith(first[start:])


@pytest.mark.parametrize(
    ("bump", "group"), [("major", "Breaking"), ("minor", "Changed"), ("patch", "Fixed"), (None, "Added")]
)
def test_changes_are_grouped_by_what_they_mean(bump: str | None, group: str) -> None:
    assert f"### {group}\n\n- A.\n- B.\n" in render_changelog(None, _entry("1.0.0", bump, "A.", "B."), "a/b").decode()


def test_the_authors_message_comes_first() -> None:
    entry = ChangelogEntry("2.0.0", DAY, "major", "Two things:\n\n- one\n- two", ("Changed.",))
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
def test_a_changelog_of_other_make_is_kept(previous: bytes, expected: bytes) -> None:
    assert render_changelog(previous, _entry("1.0.0"), "a/b") == expected


def test_an_empty_changelog_is_none() -> None:
    assert render_changelog(b" \n", _entry("1.0.0"), "a/b") == render_changelog(None, _entry("1.0.0"), "a/b")
