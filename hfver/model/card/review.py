"""The description of a pull request: what reviewers need to decide whether to publish a release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hfver.core.smoke_report import SmokeReport, SmokeSummary
from hfver.core.version import Bump
from hfver.model.card.changelog import MetricDelta
from hfver.model.card.markdown import code, paragraphs, sentence, text
from hfver.model.card.numbers import figure
from hfver.model.compare import Change, Difference

__all__ = ["ReviewFacts", "render_review"]

MAX_CHANGES = 100
"""Most rows in the table of changes; the changelog in the candidate has all of them."""
MAX_LENGTH = 60_000
"""Most characters of a description that Hubs accept."""


@dataclass(frozen=True)
class ReviewFacts:
    """What there is to decide on.

    Attributes:
        repo: The repo that it would be published in.
        number: The number of the pull request.
        version: The version that it would be.
        bump: The bump of that version.
        previous: The version that it was compared with; None for a first release.
        because: Why the version is lower than the change requires, if it is.
        message: What changed, in the author's words.
        difference: What changed, rule by rule.
        metrics: Every metric before and after.
        smoke: The smoke eval, if it ran.
        commit: The commit of the candidate.
        digest: Its digest.
        content_digest: The digest of the author's files.
    """

    repo: str
    number: int
    version: str
    bump: Bump
    previous: str | None
    because: str | None
    message: str | None
    difference: Difference
    metrics: tuple[MetricDelta, ...]
    smoke: SmokeReport | SmokeSummary | None
    commit: str
    digest: str
    content_digest: str


def render_review(facts: ReviewFacts) -> str:
    """Write the description as Markdown. Text from the checkpoint is escaped, so it cannot break out of its place."""
    sections = [*_head(facts), *_changes(facts.difference), *_metrics(facts), *_smoke(facts), *_next(facts)]
    whole = "\n\n".join(sections)  # without the tables if they are too long: the head and the next steps must stay
    return whole if len(whole) <= MAX_LENGTH else "\n\n".join([*_head(facts), *_smoke(facts), *_next(facts)])


def _head(facts: ReviewFacts) -> Iterator[str]:
    name = code(f"{facts.repo}@{facts.version}")
    if facts.previous is None:
        yield f"{name} would be the **first release**."
    else:
        yield f"{name} would be a **{facts.bump.upper()}** release after {code(facts.previous)}: {_why(facts)}"
    if facts.because:
        yield f"Its version is lower than the change requires, because: {sentence(facts.because)}"
    if facts.message:
        yield str(paragraphs(facts.message))


def _why(facts: ReviewFacts) -> str:
    change = next((one for one in facts.difference.changes if one.level == facts.difference.level), None)
    if change is not None:
        return f"{sentence(change.message)} ({code(change.rule)})"
    return "the weights changed." if facts.difference.weights.moved else "nothing that callers depend on changed."


def _changes(difference: Difference) -> Iterator[str]:
    rows = [_row(change) for change in difference.changes[:MAX_CHANGES]]
    if moved := difference.weights.moved:
        share, total = difference.weights.share, difference.weights.total
        yield f"## Changes\n\n{share:.1%} of the weights changed ({moved} of {total} tensors)."
    elif rows:
        yield "## Changes"
    if rows:
        yield "\n".join(["| Level | Rule | Where | What it means |", "|---|---|---|---|", *rows])
    if (more := len(difference.changes) - MAX_CHANGES) > 0:
        yield f"The candidate's CHANGELOG.md lists {more} more."


def _row(change: Change) -> str:
    cells = (change.level.upper(), code(change.rule), code(change.where), sentence(change.message))
    return f"| {' | '.join(map(str, cells))} |"


def _metrics(facts: ReviewFacts) -> Iterator[str]:
    rows = [f"| {code(one.name)} | {_value(one.before)} | {_value(one.after)} | {one.delta} |" for one in facts.metrics]
    if rows:
        yield "\n".join(["## Metrics", "", "| Metric | Before | After | Change |", "|---|--:|--:|--:|", *rows])


def _value(value: float | None) -> str:
    return "–" if value is None else figure(value)


def _smoke(facts: ReviewFacts) -> Iterator[str]:
    report = facts.smoke
    if report is None:
        yield "## Smoke eval\n\nIt did not run."
        return
    yield f"## Smoke eval\n\n**{_verdict(report)}** on {text(report.device)}, {text(report.dtype)}"
    if isinstance(report, SmokeReport) and report.checks:
        rows = [f"| {code(check.name)} | {_words(check.status)} | {text(check.detail)} |" for check in report.checks]
        yield "\n".join(["| Check | Result | Detail |", "|---|---|---|", *rows])


def _verdict(report: SmokeReport | SmokeSummary) -> str:
    status = report.status if isinstance(report, SmokeReport) else report.verdict or report.status
    return _words(status)


def _words(status: str) -> str:
    return status.replace("_", " ")


def _next(facts: ReviewFacts) -> Iterator[str]:
    yield f"## Try it\n\n```\nhfver smoke {facts.repo}@refs/pr/{facts.number}\n```"
    yield (
        "## Publish it\n\nMerge this pull request. Then run this command, which makes it a version:\n\n"
        f"```\nhfver release --finish {facts.repo}#{facts.number}\n```"
    )
    rows = (
        ("Candidate commit", facts.commit),
        ("Release digest", facts.digest),
        ("Content digest", facts.content_digest),
    )
    yield "\n".join(["| | |", "|---|---|", *(f"| {name} | {code(value)} |" for name, value in rows)])
