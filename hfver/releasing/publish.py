"""Publish: a candidate gets its tag, and the tag its line in the ledger.

Each station looks before it gives up: a name that is taken, or a head that moved, may be our own request whose answer
was lost. Whatever stops this halfway leaves no version, and what it left is found again.
"""

from __future__ import annotations

from hfver.core.ledger import Entry, Line
from hfver.core.smoke_report import SmokeSummary
from hfver.core.version import Version, bump_between, tag_of
from hfver.errors import Conflict
from hfver.hub import Taken
from hfver.hub.client import HubRepo
from hfver.registry.append import Event, append
from hfver.registry.main_branch import Shown, show_on_main
from hfver.registry.state import RepoState, read_state
from hfver.releasing.candidate import Candidate, find_candidate

__all__ = ["complete_pending", "publish", "tag_candidate"]


def tag_candidate(repo: HubRepo, candidate: Candidate) -> None:
    """Give the candidate its tag, which nobody else can have.

    Raises:
        Conflict: The tag exists on another commit.
    """
    tag = tag_of(candidate.version)
    message = f"{repo} {candidate.version}\n\nRelease digest: {candidate.digest}\n"
    try:
        repo.create_tag(tag, candidate.commit, message)
    except Taken:
        found = repo.refs().tags.get(tag)
        if found != candidate.commit:
            raise Conflict(
                f"{repo}: somebody else took {tag} meanwhile (commit {found}).",
                "Run the command again: it compares with what was published, and takes the next version.",
            ) from None


def publish(state: RepoState, candidate: Candidate, smoke: SmokeSummary | None) -> Entry:
    """Append the release to the ledger on ``main``: from here on it is a version.

    Raises:
        Conflict: The version was published with another commit, or ``main`` never stood still.
    """

    def decide(state: RepoState) -> Event | None:
        entry = state.ledger.find(candidate.version)
        if entry and entry.commit != candidate.commit:
            raise Conflict(f"{state.repo}@{entry.version} was published meanwhile, as commit {entry.commit}.")
        return None if entry else _event(state, candidate, smoke)

    entry = append(state, decide).ledger.find(candidate.version)
    if entry is None:
        raise AssertionError("a line that was appended is in the ledger")
    return entry


def complete_pending(state: RepoState) -> RepoState:
    """Publish releases that were tagged and not finished, after the checks that they would have had.

    Tags that are no such release stay as they are: they are somebody else's.
    """
    for version, commit in sorted(state.pending.items()):
        candidate = find_candidate(state, version, commit)
        if candidate is not None:
            publish(state, candidate, None)
            state = read_state(state.repo, state.trust)
    return state


def _event(state: RepoState, candidate: Candidate, smoke: SmokeSummary | None) -> Event:
    line = _line(state, candidate, smoke)
    shown = Shown(candidate.commit, candidate.tree, candidate.content)
    newest = _is_newest(state, candidate.version)
    return Event(
        [line],
        summary=f"Publish {candidate.version}",
        description=f"Release commit: {candidate.commit}\nRelease digest: {candidate.digest}\n",
        operations=list(show_on_main(state, shown, state.ledger.append(line))) if newest else (),
    )


def _line(state: RepoState, candidate: Candidate, smoke: SmokeSummary | None) -> Line:
    manifest = candidate.manifest
    earlier = (entry for entry in state.ledger.entries if entry.line.digest == manifest.previous)
    previous = next(earlier, None)
    early = SmokeSummary.model_validate(manifest.smoke) if manifest.smoke else None
    return Line(
        event="release",
        repo=manifest.repo,
        version=manifest.version,
        commit=candidate.commit,
        digest=candidate.digest,
        content_digest=manifest.content_digest,
        bump=manifest.bump or bump_between(previous.version if previous else None, candidate.version),
        because=manifest.because,
        date=manifest.created_at,
        author=manifest.created_by,
        smoke=smoke or early,
    )


def _is_newest(state: RepoState, version: Version) -> bool:
    newest = state.ledger.newest()
    return not version.prerelease and (newest is None or version > newest.version)
