"""Publish: a candidate gets its tag, and the tag its line in the ledger.

Each station looks before it gives up: a name that is taken, or a head that moved, may be our own request whose answer
was lost. Whatever stops this halfway leaves no version, and what it left is found again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from hfver.candidates import Candidate, find_candidate
from hfver.errors import Conflict
from hfver.hub import Delete, Hub, Operation, Put, PutLfs, Stale, Taken
from hfver.manifest import LEDGER, STAGES
from hfver.memory import Memory
from hfver.records import Entry, Line, SmokeSummary
from hfver.resolving import RepoState, read_state
from hfver.version import Version, bump_between, tag_of

__all__ = ["complete_pending", "publish", "tag_candidate"]

ATTEMPTS = 25
"""How often a change of ``main`` is tried again when somebody else was first."""


def tag_candidate(hub: Hub, repo: str, candidate: Candidate) -> None:
    """Give the candidate its tag, which nobody else can have.

    Raises:
        Conflict: The tag exists on another commit.
    """
    tag = tag_of(candidate.version)
    message = f"{repo} {candidate.version}\n\nRelease digest: {candidate.digest}\n"
    try:
        hub.create_tag(repo, tag, candidate.commit, message)
    except Taken:
        found = hub.refs(repo).tags.get(tag)
        if found != candidate.commit:
            raise Conflict(
                f"{repo}: somebody else took {tag} meanwhile (commit {found}).",
                "Run the command again: it compares with what was published, and takes the next version.",
            ) from None


def publish(hub: Hub, state: RepoState, candidate: Candidate, smoke: SmokeSummary | None) -> Entry:
    """Append the release to the ledger on ``main``: from here on it is a version.

    Raises:
        Conflict: The version was published with another commit, or ``main`` never stood still.
    """
    for attempt in range(ATTEMPTS):
        entry = state.ledger.find(candidate.version)
        if entry and entry.commit == candidate.commit:
            return entry
        if entry:
            raise Conflict(f"{state.repo}@{entry.version} was published meanwhile, as commit {entry.commit}.")
        try:
            return _append(hub, state, candidate, smoke)
        except Stale:
            time.sleep(random.uniform(0, 0.05 * (attempt + 1)))  # noqa: S311 - spreads writers, guards nothing
            state = read_state(hub, state.repo)
    raise Conflict(
        f"{state.repo}: main changed {ATTEMPTS} times while {candidate.version} was to be published.",
        "Run the same command again: it finishes what is left to do.",
    )


def complete_pending(hub: Hub, state: RepoState) -> RepoState:
    """Publish releases that were tagged and not finished, after the checks that they would have had.

    Tags that are no such release stay as they are: they are somebody else's.
    """
    for version, commit in sorted(state.pending.items()):
        candidate = find_candidate(hub, state, version, commit)
        if candidate is not None:
            publish(hub, state, candidate, None)
            state = read_state(hub, state.repo)
    return state


def _append(hub: Hub, state: RepoState, candidate: Candidate, smoke: SmokeSummary | None) -> Entry:
    line = _line(state, candidate, smoke)
    ledger = state.ledger.append(line)
    entry = ledger.entries[-1]
    operations: list[Operation] = [Put(LEDGER, ledger.raw)]
    if _is_newest(state, candidate.version):
        operations += _main_files(hub, state, candidate)
    head = hub.commit(
        state.repo,
        "main",
        operations,
        summary=f"Publish {candidate.version}",
        description=f"Release commit: {candidate.commit}\nRelease digest: {candidate.digest}\n",
        parent=state.refs.main,
    )
    memory = Memory(hub.identity, state.repo)
    memory.remember_ledger(head, ledger.raw)
    return entry


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


def _main_files(hub: Hub, state: RepoState, candidate: Candidate) -> Iterator[Operation]:
    """Make ``main`` show the release: its files, large ones by reference, beside the repo's own state."""
    main = hub.tree(state.repo, state.refs.main)
    for path, file in candidate.tree.items():
        if path in main and main[path].blob == file.blob:
            continue
        if file.sha256:
            yield PutLfs(path, file.sha256, file.size)
        else:
            known = candidate.content.get(path)
            yield Put(path, known if known is not None else hub.read(state.repo, candidate.commit, path))
    yield from (Delete(path) for path in main if path not in candidate.tree and path not in (LEDGER, STAGES))
