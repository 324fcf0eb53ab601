"""Release: one transaction from a checkpoint folder to a published version.

Nothing is written to the Hub before the folder was read, run and described. The commit that was checked is the commit
that is tagged, and the ledger line that follows is the publication.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hfver.core.lfs import wants_lfs
from hfver.core.manifest import CARD
from hfver.core.policy import Policy
from hfver.core.progress import Progress, silent
from hfver.core.results import Release
from hfver.core.smoke_report import SmokeReport
from hfver.core.version import tag_of
from hfver.errors import Conflict
from hfver.hub import Hub
from hfver.hub.client import HubRepo
from hfver.hub.upload import missing_objects
from hfver.model.checkpoint import Checkpoint, HashCache, read_checkpoint, refuse_code
from hfver.model.lineage.record import BaseModelLink
from hfver.model.secrets import refuse_secrets
from hfver.registry.resolve import candidate_release, release_of
from hfver.registry.signing import check_may_release, sign_manifest
from hfver.registry.state import RepoState, TrustOptions, find_state, read_state
from hfver.releasing.base import find_base
from hfver.releasing.candidate import Candidate, commit_candidate, drop_branch, drop_left
from hfver.releasing.draft import Draft, prepare
from hfver.releasing.publish import complete_pending, publish, tag_candidate
from hfver.releasing.receipt import done_before, remember_receipt
from hfver.releasing.request import ReleaseRequest
from hfver.releasing.review import propose, under_review
from hfver.releasing.smoke_gate import try_candidate, try_folder

__all__ = ["release"]

ATTEMPTS = 8
"""How often the next version is taken when somebody else was first."""

FRESH = 2.0
"""Seconds for which the state of a repo counts as just read. A smoke eval takes longer: others may have released."""

Say = Callable[[str], None]


def release(
    hub: Hub,
    request: ReleaseRequest,
    folder: Path,
    policy: Policy,
    *,
    say: Say = lambda _: None,
    progress: Progress = silent,
) -> Release:
    """Publish a checkpoint folder as the next version of a repo.

    Args:
        hub: The Hub to publish on.
        request: What, and how.
        folder: The folder to publish: the user's own, or a converted copy of it.
        policy: The rules that the release must meet.
        say: Called with a sentence about what is about to be written, and what is left out.
        progress: Called with the number of bytes processed.

    Returns:
        The release; with ``dry_run`` the one that it would be, with an empty commit.

    Raises:
        BadCheckpoint: The folder is no checkpoint, or is unsafe.
        PolicyViolation: Loading the model would run code, and that is not allowed; or the policy requires a signature
            that this release would not have.
        SecretFound: A file that would be published contains a secret.
        SmokeFailed: The model does not work.
        ReleaseExists: Nothing changed, or the version is taken.
        Conflict: Others kept taking the version, or the version was fixed and is taken.
        HubError: The Hub refused, or did not answer.
    """
    repo = hub.repo(request.repo)
    check_may_release(request.repo, request.signer, policy=policy)
    checkpoint = read_checkpoint(folder, progress=progress, cache=HashCache())
    for exclusion in checkpoint.exclusions:
        say(f"Leaving out {exclusion.path}: {exclusion.reason}")
    _refuse_secrets(checkpoint, policy)
    refuse_code(folder, allowed=request.trust_remote_code, paths=checkpoint.files, content=checkpoint.content)
    observed, state = time.monotonic(), find_state(repo, TrustOptions(policy=policy))
    if again := done_before(state, checkpoint, request):
        return again
    base = find_base(hub, checkpoint, request.base)
    report = try_folder(hub, checkpoint, base, request, say, progress)
    work = _Work(repo, request, policy, checkpoint, base, report, say, progress)
    if time.monotonic() - observed > FRESH:
        state = work.look()
    return _plan(work, state) if request.dry_run else _transact(work, state)


@dataclass(frozen=True)
class _Work:
    """What is known before the first write: what was asked for, what goes out, and how it ran."""

    repo: HubRepo
    request: ReleaseRequest
    policy: Policy
    checkpoint: Checkpoint
    base: BaseModelLink | None
    report: SmokeReport | None
    say: Say
    progress: Progress

    def look(self) -> RepoState | None:
        """Read the state of the repo."""
        return find_state(self.repo, TrustOptions(policy=self.policy))

    def draft(self, state: RepoState | None) -> Draft:
        """Write every file of the next release in memory, signed if that was asked for."""
        draft = prepare(self.repo, state, self.checkpoint, self.base, self.report, self.request, self.policy)
        signer = self.request.signer
        if signer is None:
            return draft
        return replace(draft, signature=sign_manifest(draft.manifest, draft.manifest_bytes, signer))


def _transact(work: _Work, state: RepoState | None) -> Release:
    """Try until the version is ours: whoever lost it to somebody else compares again and takes the next one."""
    repo, request = work.repo, work.request
    for attempt in range(ATTEMPTS):
        state = work.look() if attempt else state
        state = complete_pending(state) if state else None
        if again := done_before(state, work.checkpoint, request):
            return again
        draft = work.draft(state)
        state = state or _create(work)
        work.say(f"{'Proposing' if request.review else 'Releasing'} {request.repo}@{draft.version} to {repo.hub.place}")
        try:
            return (_propose if request.review else _publish)(work, state, draft)
        except Conflict:
            if request.version is not None or attempt == ATTEMPTS - 1:
                raise
            work.say(f"{draft.version} was taken in the meantime; comparing again")
    raise AssertionError("unreachable")


def _create(work: _Work) -> RepoState:
    """Create the repo, once it is sure what will go there."""
    repo, request = work.repo, work.request
    work.say(f"Creating {'private' if request.private else 'public'} repo {request.repo} on {repo.hub.place}")
    repo.create(private=request.private)
    return read_state(repo, TrustOptions(policy=work.policy))


def _publish(work: _Work, state: RepoState, draft: Draft) -> Release:
    """Commit, check, tag, publish."""
    with _candidate(work, state, draft) as (candidate, report):
        tag_candidate(state.repo, candidate)
        entry = publish(state, candidate, report.summary() if report else None)
    release = release_of(state.repo, entry, candidate.manifest)
    state.repo.memory.remember_manifest(candidate.commit, draft.manifest_bytes)
    HashCache().prune()
    return replace(release, bytes_sent=candidate.bytes_sent, smoke=report, why=draft.why)


def _propose(work: _Work, state: RepoState, draft: Draft) -> Release:
    """Commit, check, and ask for review."""
    if waiting := under_review(state, draft, work.request):
        drop_left(state, draft.branch)
        return waiting
    with _candidate(work, state, draft) as (candidate, report):
        release = propose(state, draft, candidate, report, work.request)
    return replace(release, bytes_sent=candidate.bytes_sent, smoke=report)


@contextmanager
def _candidate(work: _Work, state: RepoState, draft: Draft) -> Iterator[tuple[Candidate, SmokeReport | None]]:
    """Commit the draft on a branch that is there for as long as the block lasts, and run what the Hub gives back."""
    repo, request, report = work.repo, work.request, work.report
    try:
        candidate = commit_candidate(state, draft, work.progress)
        if request.smoke == "require":
            report = try_candidate(repo, candidate, work.base, request, work.progress)
        remember_receipt(repo, candidate, request)
        yield candidate, report
    finally:
        drop_branch(state.repo, draft.branch)


def _plan(work: _Work, state: RepoState | None) -> Release:
    """Describe the release that would be made, having written nothing."""
    repo = work.repo
    draft = work.draft(state)
    manifest = draft.manifest
    release = candidate_release(repo, "", manifest, draft.digest)
    large = [entry for path, entry in manifest.files.items() if wants_lfs(path, entry.size)]
    lacking = missing_objects(repo, large) if state else {entry.sha256 for entry in large}
    sent = sum(entry.size for entry in large if entry.sha256 in lacking)
    card = draft.sources[CARD]
    return replace(
        release,
        tag=tag_of(draft.version),
        bump=manifest.bump,
        because=manifest.because,
        date=manifest.created_at,
        author=manifest.created_by,
        bytes_sent=sent,
        smoke=work.report,
        why=draft.why,
        card=card.decode() if isinstance(card, bytes) else None,
        note="dry run: nothing was written",
    )


def _refuse_secrets(checkpoint: Checkpoint, policy: Policy) -> None:
    """Refuse secrets that reading the folder found in the author's files and README."""
    if checkpoint.secrets is None:
        raise AssertionError("a folder that is read for a release is searched for secrets")
    refuse_secrets(checkpoint.secrets, policy.secrets.allow)
