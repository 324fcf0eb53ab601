"""What a release changes, in sentences: for its commit, its changelog, its card and the command's output."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from hfver.core.version import Bump, Version
from hfver.model.card import ChangelogEntry, MetricDelta
from hfver.model.compare import Difference
from hfver.model.compare.difference import UNMEASURED
from hfver.releasing.next_version import VersionChoice

__all__ = ["changelog_entry", "commit_description", "commit_title", "grouped_changes", "metric_deltas"]

MAX_DESCRIPTION = 20_000
"""Maximum length of a commit's description in characters; a Hub refuses longer ones. The changelog has all of it."""

MAX_TITLE_TEXT = 120
"""Maximum number of characters of the author's message in the title of a commit."""

GROUPS = {Bump.MAJOR: "Breaking", Bump.MINOR: "Changed", Bump.PATCH: "Fixed"}
"""The headings of a changelog (Keep a Changelog), by the level of the changes below them."""


def grouped_changes(difference: Difference) -> dict[str, tuple[str, ...]]:
    """Return what the changes mean to a user, one sentence each, by the headings of the changelog."""
    groups: dict[str, list[str]] = {title: [] for title in GROUPS.values()}
    for change in difference.changes:
        # Every release has new documents, so a change of them is not worth mentioning.
        if change.rule != "docs" and change.message not in groups[GROUPS[change.level]]:
            groups[GROUPS[change.level]].append(change.message)
    if difference.weights.moved:
        groups["Changed"].append(f"{difference.weights}.")
    if difference.is_unmeasured:
        groups["Changed"].append(UNMEASURED)
    return {title: tuple(sentences) for title, sentences in groups.items() if sentences}


def commit_title(version: Version, message: str | None) -> str:
    """Return the title of the release's commit: the version, and the first line of the author's message."""
    lines = (message or "").strip().splitlines()
    return f"Release {version}" + (f": {lines[0][:MAX_TITLE_TEXT]}" if lines else "")


def commit_description(message: str | None, choice: VersionChoice) -> str:
    """Return the description of the release's commit: the author's message, then the changes by level."""
    parts = [message.strip()] if message else []
    for title, sentences in grouped_changes(choice.difference).items():
        parts.append("\n".join([f"{title}:", *(f"- {sentence}" for sentence in sentences)]))
    if choice.because:
        parts.append(f"The version is lower than the change requires, because: {choice.because}")
    return "\n\n".join(parts)[:MAX_DESCRIPTION]


def changelog_entry(
    choice: VersionChoice, message: str | None, day: date, metrics: Mapping[str, float]
) -> ChangelogEntry:
    """Return the changelog's entry for a release.

    Args:
        choice: The version, and what it was chosen from.
        message: The author's message.
        day: The day of the release.
        metrics: The metrics of the release.
    """
    return ChangelogEntry(
        version=str(choice.version),
        date=day,
        message=message,
        groups=grouped_changes(choice.difference),
        metrics=metric_deltas(choice, metrics),
        because=choice.because,
        is_first=choice.previous is None,
    )


def metric_deltas(choice: VersionChoice, metrics: Mapping[str, float]) -> tuple[MetricDelta, ...]:
    """Pair every metric of a release with its value in the previous one, by name."""
    before = choice.previous_metrics or {}
    return tuple(MetricDelta(name, before.get(name), metrics.get(name)) for name in sorted({*before, *metrics}))
