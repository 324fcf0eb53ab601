"""Publish: tag a candidate, then append the tag's line to the ledger.

Every step checks before it fails: a tag that exists or a head that moved may be the result of our own request whose
answer was lost. A run that stops halfway leaves no version, and the next writer finds and completes what it left.
"""

from __future__ import annotations

from hfver.core.ledger import Entry, Line
from hfver.core.manifest import ADOPTED, LEDGER, MANIFEST, Manifest
from hfver.core.smoke_report import SmokeSummary
from hfver.core.version import Version, bump_between, tag_of
from hfver.errors import Conflict, LedgerTruncated, Refused, VerificationError
from hfver.hub import AlreadyExists
from hfver.hub.client import HubRepo
from hfver.registry.append import LedgerUpdate, append
from hfver.registry.main_branch import CommittedRelease, main_operations
from hfver.registry.state import RepoState, read_state
from hfver.releasing.candidate import Candidate, find_candidate

__all__ = ["complete_pending", "publish", "refuse_foreign_tags", "tag_candidate"]


def tag_candidate(repo: HubRepo, candidate: Candidate) -> None:
    """Create the candidate's tag, which decides between writers: a tag can only be created once.

    Raises:
        Conflict: The tag exists on a different commit.
    """
    tag = tag_of(candidate.version)
    message = f"{repo} {candidate.version}\n\nRelease digest: {candidate.digest}\n"
    try:
        repo.create_tag(tag, candidate.commit, message)
    except AlreadyExists:
        # If the tag is on our commit, this request was sent again after its first answer was lost.
        found = repo.refs().tags.get(tag)
        if found != candidate.commit:  # or refs are from a cache, or name the tag's object
            found = repo.commit_of_tag(tag, found)
        if found != candidate.commit:
            raise Conflict(
                f"{repo}: another writer created the tag {tag} in the meantime (on commit {found}).",
                "Run the command again: it compares with what was published, and takes the next version.",
            ) from None


def publish(state: RepoState, candidate: Candidate, smoke: SmokeSummary | None) -> Entry:
    """Append the release to the ledger on ``main``, which makes it a version.

    Raises:
        Conflict: The version was published with a different commit, or other writers kept changing ``main``.
    """

    def decide(state: RepoState) -> LedgerUpdate | None:
        entry = state.ledger.find(candidate.version)
        if entry and entry.commit != candidate.commit:
            raise Conflict(
                f"{state.repo}@{entry.version} was published by another writer in the meantime, "
                f"as commit {entry.commit}.",
                "Run the command again: it compares with what was published, and takes the next version.",
            )
        return None if entry else _update(state, candidate, smoke)

    entry = append(state, decide).ledger.find(candidate.version)
    if entry is None:
        raise AssertionError("the appended line is missing from the ledger")
    return entry


def complete_pending(state: RepoState) -> RepoState:
    """Publish releases that were tagged but not finished, after the same checks as for a new release.

    Tags on any other commit were created without hfver, and stay as they are.

    Raises:
        LedgerTruncated: There is no ledger, although the repo had one: a new one would replace releases and yanks.
    """
    _check_not_lost(state)
    for version in sorted(state.pending):
        candidate = find_candidate(state, version, state.pending_commit(version))
        if candidate is not None:
            publish(state, candidate, None)
            # Read again, because a release names the one before it, which may be the one that was just published.
            state = read_state(state.repo, state.trust)
    return state


def refuse_foreign_tags(state: RepoState) -> None:
    """Refuse to start a ledger beside version tags that are no unfinished releases.

    Raises:
        LedgerTruncated: The repo had a ledger.
        Refused: The tags were created without hfver.
    """
    if state.ledger.lines or not state.pending:
        return
    _check_not_lost(state)
    foreign = [one for one in sorted(state.pending) if not find_candidate(state, one, state.pending_commit(one))]
    if foreign:
        names = ", ".join(tag_of(version) for version in foreign[:5]) + (", …" if len(foreign) > 5 else "")
        raise Refused(
            f"{state.repo} has version tags ({names}), but no ledger: a first release cannot follow them.",
            f"Make them releases first: hfver adopt {state.repo}. Delete those that it skips.",
        )


def _check_not_lost(state: RepoState) -> None:
    """Check that a repo without a ledger has nothing that only exists after a first line was appended to one."""
    if state.ledger.lines or not state.pending:
        return
    proof = next((f"{path} on main" for path in state.repo.tree(state.refs.main) if path.startswith(ADOPTED)), None)
    for version in sorted(state.pending):
        manifest = _own_manifest(state, state.pending_commit(version))
        if manifest and manifest.ledger_head is not None:
            proof = f"{state.repo}@{version}, which was made after line {manifest.ledger_head}"
    if proof:
        raise LedgerTruncated(
            f"{state.repo} has no ledger ({LEDGER}), but had one: there is {proof}.",
            "Nothing was written. Restore the file from the history of main, or find out who removed it.",
        )


def _own_manifest(state: RepoState, commit: str) -> Manifest | None:
    raw = state.repo.find(commit, MANIFEST)
    try:
        manifest = Manifest.decode(raw, f"{state.repo}@{commit[:12]}") if raw else None
    except VerificationError:
        return None
    return manifest if manifest and manifest.repo.lower() in state.names else None


def _update(state: RepoState, candidate: Candidate, smoke: SmokeSummary | None) -> LedgerUpdate:
    line = _line(state, candidate, smoke)
    release = CommittedRelease(candidate.commit, candidate.tree, candidate.content)
    newest = _is_newest(state, candidate.version)
    return LedgerUpdate(
        [line],
        summary=f"Publish {candidate.version}",
        description=f"Release commit: {candidate.commit}\nRelease digest: {candidate.digest}\n",
        operations=list(main_operations(state, release, state.ledger.append(line))) if newest else (),
    )


def _line(state: RepoState, candidate: Candidate, smoke: SmokeSummary | None) -> Line:
    manifest = candidate.manifest
    earlier = (entry for entry in state.ledger.entries if entry.line.digest == manifest.previous)
    previous = next(earlier, None)
    of_folder = SmokeSummary.model_validate(manifest.smoke) if manifest.smoke else None
    return Line(
        event="release",
        repo=manifest.repo,
        version=manifest.version,
        commit=candidate.commit,
        digest=candidate.digest,
        content_digest=manifest.content_digest,
        bump=manifest.bump or bump_between(previous.version if previous else None, candidate.version),
        measured=manifest.measured,
        because=manifest.because,
        date=manifest.created_at,
        author=manifest.created_by,
        smoke=smoke or of_folder,  # a smoke eval of the commit says more than one of the folder
    )


def _is_newest(state: RepoState, version: Version) -> bool:
    """Return whether ``main`` is to show this version: it is stable, and higher than all that are not yanked."""
    newest = state.ledger.newest()
    return not version.prerelease and (newest is None or version > newest.version)
