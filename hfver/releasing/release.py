"""Release: one transaction from a checkpoint folder to a published version.

Nothing is written to the Hub before the folder was read, the model was run, and the next version was chosen. The commit
that was checked is the commit that is tagged. Only the ledger line that follows publishes it: a run that stops earlier
leaves no version, and running the command again finishes the work.
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
from hfver.errors import Conflict, Refused
from hfver.hub import Hub
from hfver.hub.client import HubRepo
from hfver.hub.upload import missing_objects
from hfver.hub.verified_files import VerifiedFiles
from hfver.model.checkpoint import Checkpoint, HashCache, read_checkpoint, refuse_code, with_base
from hfver.model.lineage.record import BaseModelLink
from hfver.model.secrets import refuse_secrets
from hfver.registry.resolve import candidate_release, release_of
from hfver.registry.signing import check_may_release, sign_manifest
from hfver.registry.state import RepoState, TrustOptions, find_state, read_state
from hfver.releasing.base import find_base
from hfver.releasing.candidate import Candidate, commit_candidate, delete_branch, delete_leftover_branch
from hfver.releasing.card_gate import check_card
from hfver.releasing.draft import Draft, prepare_draft
from hfver.releasing.golden import Behavior, check_behavior
from hfver.releasing.publish import complete_pending, publish, refuse_foreign_tags, tag_candidate
from hfver.releasing.receipt import find_published, remember_receipt
from hfver.releasing.request import ReleaseRequest
from hfver.releasing.review import find_review, propose
from hfver.releasing.smoke_gate import smoke_candidate, smoke_folder
from hfver.releasing.tokenizer_gate import check_tokenizer

__all__ = ["release"]

ATTEMPTS = 8
"""How many versions are tried in turn when other writers publish at the same time."""

MAX_STATE_AGE = 2.0
"""Seconds after which the state of the repo is read again: during a smoke eval, others may have released."""

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
        request: What to release, and how.
        folder: The folder to publish: the user's own, or a converted copy of it.
        policy: The rules that the release must meet.
        say: Called with a sentence about each exclusion, and about what is about to be written.
        progress: Called with the number of bytes processed.

    Returns:
        The release; with ``dry_run`` the one that would be published, with an empty commit.

    Raises:
        BadCheckpoint: The folder is not a checkpoint, or contains unsafe files.
        PolicyViolation: Loading the model would run code, which was not allowed; or the policy requires a signature
            that this release would not have; or the release before had a tokenizer and this one has none.
        SecretFound: A file that would be published contains a secret.
        SmokeFailed: The model does not work.
        ReleaseExists: Nothing changed, or the version is taken.
        Refused: The Hub would refuse the card.
        Conflict: Other writers took the requested version, or every version that was tried.
        HubError: The Hub refused the request, or did not answer.
    """
    # What can be refused without reading files comes first, then what needs the files, and last what needs the model.
    repo = hub.repo(request.repo)
    check_may_release(request.repo, request.signer, policy=policy)
    checkpoint = read_checkpoint(folder, progress=progress, cache=HashCache(), tensor_sha256=request.tensor_sha256)
    for exclusion in checkpoint.exclusions:
        say(f"Leaving out {exclusion.path}: {exclusion.reason}")
    _refuse_secrets(checkpoint, policy)
    refuse_code(folder, allowed=request.trust_remote_code, paths=checkpoint.files, content=checkpoint.content)
    read_at, state = time.monotonic(), find_state(repo, TrustOptions(policy=policy))
    if state:
        _check_present_name(state)
    if published := find_published(state, checkpoint, request):
        return published
    check_tokenizer(checkpoint, state, request, say)
    # The base must be known before the smoke eval, which loads an adapter onto it.
    base = find_base(hub, checkpoint, request.base)
    if base is not None and base.source is not None:
        checkpoint = with_base(checkpoint, base.source, base.revision)
    report, behavior = smoke_folder(hub, checkpoint, base, request, policy, state, say, progress)
    transaction = _Transaction(repo, request, policy, checkpoint, base, report, behavior, say, progress)
    if time.monotonic() - read_at > MAX_STATE_AGE:
        state = transaction.find_state()
    return _plan(transaction, state) if request.dry_run else _run(transaction, state)


@dataclass(frozen=True)
class _Transaction:
    """What does not change while the release is tried: the request, the checkpoint, its base and its smoke report."""

    repo: HubRepo
    request: ReleaseRequest
    policy: Policy
    checkpoint: Checkpoint
    base: BaseModelLink | None
    report: SmokeReport | None
    behavior: Behavior
    say: Say
    progress: Progress

    def find_state(self) -> RepoState | None:
        """Read the state of the repo; None if it does not exist."""
        return find_state(self.repo, TrustOptions(policy=self.policy))

    def prepare_draft(self, state: RepoState | None) -> Draft:
        """Prepare every file of the next release in memory, and sign it if the request asks for that."""
        draft = prepare_draft(
            self.repo,
            state,
            self.checkpoint,
            self.base,
            self.report,
            self.request,
            self.policy,
            self.behavior.files,
        )
        check_behavior(self.behavior, draft.choice, self.request, self.policy, self.say)
        signer = self.request.signer
        if signer is None:
            return draft
        return replace(draft, signature=sign_manifest(draft.manifest, draft.manifest_bytes, signer))


def _run(transaction: _Transaction, state: RepoState | None) -> Release:
    """Publish, and after losing the version to another writer compare again and take the next one."""
    repo, request, say = transaction.repo, transaction.request, transaction.say
    for attempt in range(ATTEMPTS):
        state = transaction.find_state() if attempt else state
        if state:
            _check_present_name(state)
        state = complete_pending(state) if state else None
        if published := find_published(state, transaction.checkpoint, request):
            return published
        if state:
            refuse_foreign_tags(state)
        draft = transaction.prepare_draft(state)
        if state is None:
            check_card(repo, None, draft, say)
            state = _create_repo(transaction)
        say(f"{'Proposing' if request.review else 'Releasing'} {request.repo}@{draft.version} to {repo.hub.place}")
        try:
            return (_propose if request.review else _publish)(transaction, state, draft)
        except Conflict:
            # A version that the user fixed is not replaced by another one.
            if request.version is not None or attempt == ATTEMPTS - 1:
                raise
            say(f"{draft.version} was taken in the meantime; comparing again")
            _await_tag(repo, tag_of(draft.version))
    raise AssertionError("unreachable")


def _await_tag(repo: HubRepo, tag: str) -> None:
    """Wait until refs show a tag that another writer created; they may come from a cache that is older."""
    for pause in repo.lag_pauses(written=True):
        if tag in repo.refs().tags:
            return
        time.sleep(pause)


def _check_present_name(state: RepoState) -> None:
    """Refuse a former name of the repo: the Hub redirects it, but no release may be bound to it anymore.

    Raises:
        Refused: The ledger says that the repo has a new name.
    """
    repo, name = state.repo, state.ledger.name
    if name is None or name.lower() == repo.name.lower():
        return
    if (repo.find_name() or "").lower() == repo.name.lower():
        raise Refused(
            f"The ledger of {repo} says that it is called {name} now, but {repo.hub.place} calls it {repo}.",
            f"If {repo} is right, record it: hfver adopt {repo} --renamed-from {name}",
        )
    raise Refused(
        f"{repo} is called {name} now: releases are not made under a former name.",
        f"Run the command for the present name: hfver release DIR --repo {name}",
    )


def _create_repo(transaction: _Transaction) -> RepoState:
    # Only after the draft is ready, so that a release which is refused leaves no empty repo.
    repo, request = transaction.repo, transaction.request
    transaction.say(f"Creating {'private' if request.private else 'public'} repo {request.repo} on {repo.hub.place}")
    repo.create(private=request.private)
    return read_state(repo, TrustOptions(policy=transaction.policy))


def _publish(transaction: _Transaction, state: RepoState, draft: Draft) -> Release:
    """Commit, check, tag, publish."""
    check_card(state.repo, state, draft, transaction.say)
    with _candidate(transaction, state, draft) as (candidate, report):
        tag_candidate(state.repo, candidate)
        entry = publish(state, candidate, report.summary() if report else None)
    release = release_of(state.repo, entry, candidate.manifest)
    state.repo.memory.remember_manifest(candidate.commit, draft.manifest_bytes)
    HashCache().prune()
    VerifiedFiles().prune()
    return replace(release, bytes_sent=candidate.bytes_sent, smoke=report, why=draft.why)


def _propose(transaction: _Transaction, state: RepoState, draft: Draft) -> Release:
    """Commit, check, and open a pull request."""
    # An earlier run opened the pull request. If it was killed at the end, it left its branch.
    if waiting := find_review(state, draft, transaction.request):
        delete_leftover_branch(state, draft.branch)
        return waiting
    check_card(state.repo, state, draft, transaction.say)
    with _candidate(transaction, state, draft) as (candidate, report):
        release = propose(state, draft, candidate, report, transaction.request)
    return replace(release, bytes_sent=candidate.bytes_sent, smoke=report)


@contextmanager
def _candidate(
    transaction: _Transaction, state: RepoState, draft: Draft
) -> Iterator[tuple[Candidate, SmokeReport | None]]:
    """Commit the draft to a branch that exists for as long as the block runs, and run the smoke eval on the commit."""
    repo, request, report = transaction.repo, transaction.request, transaction.report
    try:
        candidate = commit_candidate(state, draft, transaction.progress)
        if request.smoke == "require":
            golden = transaction.behavior.golden
            report = smoke_candidate(repo, candidate, transaction.base, request, golden, transaction.progress)
        remember_receipt(repo, candidate, request)
        yield candidate, report
    finally:
        delete_branch(state.repo, draft.branch)


def _plan(transaction: _Transaction, state: RepoState | None) -> Release:
    """Describe the release that would be published, without writing anything."""
    repo = transaction.repo
    if state:
        refuse_foreign_tags(state)
    draft = transaction.prepare_draft(state)
    check_card(repo, state, draft, transaction.say)
    manifest = draft.manifest
    release = candidate_release(repo, "", manifest, draft.digest)
    large = [entry for path, entry in manifest.files.items() if wants_lfs(path, entry.size)]
    missing = missing_objects(repo, large) if state else {entry.sha256 for entry in large}
    sent = sum(entry.size for entry in large if entry.sha256 in missing)
    card = draft.sources[CARD]
    return replace(
        release,
        tag=tag_of(draft.version),
        bump=manifest.bump,
        because=manifest.because,
        date=manifest.created_at,
        author=manifest.created_by,
        bytes_sent=sent,
        smoke=transaction.report,
        why=draft.why,
        card=card.decode() if isinstance(card, bytes) else None,
        note="dry run: nothing was written",
    )


def _refuse_secrets(checkpoint: Checkpoint, policy: Policy) -> None:
    """Refuse secrets in the author's files; the scan is part of reading the folder."""
    if checkpoint.secrets is None:
        raise AssertionError("the checkpoint was read without a scan for secrets")
    refuse_secrets(checkpoint.secrets, policy.secrets.allow)
