"""Release: one transaction from a checkpoint folder to a published version.

Nothing is written to the Hub before the folder was read, run and described. The commit that was checked is the commit
that is tagged, and the ledger line that follows is the publication.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from hfver.basing import bring_base, find_base
from hfver.candidates import Candidate, commit_candidate
from hfver.checkpoint import Checkpoint, HashCache, read_checkpoint, refuse_code
from hfver.errors import Conflict, HubError, SmokeFailed
from hfver.fetching import bring
from hfver.hub import Hub
from hfver.hub.uploading import Source, missing_objects
from hfver.lineage import BaseModelLink
from hfver.manifest import CARD, digest_of
from hfver.memory import Memory
from hfver.observing import RepoState, observe, read_state
from hfver.policy import find_policy
from hfver.preparing import Draft, Request, branch_of, prepare
from hfver.progress import Progress, silent
from hfver.publishing import complete_pending, publish, tag_candidate
from hfver.records import Entry, SmokeReport
from hfver.resolving import Pinned, candidate_release, pin, release_of
from hfver.results import Release
from hfver.reviewing import propose, under_review
from hfver.scanning import refuse_secrets
from hfver.signing import Signer, check_may_release, sign_manifest
from hfver.smoke import run_smoke
from hfver.storing import wants_lfs
from hfver.version import tag_of

__all__ = ["Request", "release"]

ATTEMPTS = 8
"""How often the next version is taken when somebody else was first."""

Say = Callable[[str], None]


def release(hub: Hub, request: Request, *, say: Say = lambda _: None, progress: Progress = silent) -> Release:
    """Publish a checkpoint folder as the next version of a repo.

    Args:
        hub: Where to.
        request: What, and how.
        say: Told in a sentence what is about to be written, and what was left out.
        progress: Told the bytes.

    Returns:
        The release; with ``dry_run`` the one that it would be, with an empty commit.

    Raises:
        BadCheckpoint: The folder is no checkpoint, or is unsafe.
        PolicyViolation: Loading the model would run code, and that is not allowed.
        SecretFound: A file that would go out holds a secret.
        PolicyViolation: The policy asks for a signature that this would not have.
        SmokeFailed: The model does not run as it should.
        ReleaseExists: Nothing changed, or the version is taken.
        Conflict: Others kept taking the version, or the version was fixed and is taken.
        HubError: The Hub refused, or did not answer.
    """
    check_may_release(request.repo, request.sign)
    checkpoint = read_checkpoint(request.directory, progress=progress, cache=HashCache())
    for left in checkpoint.left_out:
        say(f"Leaving out {left.path}: {left.reason}")
    _refuse_secrets(checkpoint)
    refuse_code(request.directory, allowed=request.trust_remote_code, paths=checkpoint.files)
    if again := _done_before(hub, observe(hub, request.repo), checkpoint, request):
        return again
    base = find_base(hub, checkpoint, request.base)
    report = _smoke(hub, checkpoint, base, request, say, progress)
    if request.dry_run:
        return _plan(hub, checkpoint, base, report, request)
    return _transact(hub, checkpoint, base, report, request, say, progress)


def _transact(
    hub: Hub,
    checkpoint: Checkpoint,
    base: BaseModelLink | None,
    report: SmokeReport | None,
    request: Request,
    say: Say,
    progress: Progress,
) -> Release:
    """Try until the version is ours: whoever lost it to somebody else compares anew and takes the next one."""
    for attempt in range(ATTEMPTS):
        state = observe(hub, request.repo)
        state = complete_pending(hub, state) if state else None
        if again := _done_before(hub, state, checkpoint, request):
            return again
        draft = _signed(prepare(hub, state, checkpoint, base, report, request), request.sign)
        state = state or _create(hub, request, say)
        say(f"{'Proposing' if request.review else 'Releasing'} {request.repo}@{draft.version} to {hub.place}")
        try:
            return (_propose if request.review else _write)(hub, state, draft, base, report, request, progress)
        except Conflict:
            if request.version is not None or attempt == ATTEMPTS - 1:
                raise
            say(f"{draft.version} was taken meanwhile; comparing again")
    raise AssertionError("unreachable")


def _write(
    hub: Hub,
    state: RepoState,
    draft: Draft,
    base: BaseModelLink | None,
    report: SmokeReport | None,
    request: Request,
    progress: Progress,
) -> Release:
    """Commit, check, tag, publish."""
    try:
        candidate = commit_candidate(hub, state, draft, progress)
        if request.smoke == "require":
            report = _smoke_candidate(hub, candidate, base, request, progress)
        _remember_receipt(hub, candidate, request)
        tag_candidate(hub, state.repo, candidate)
        entry = publish(hub, state, candidate, report.summary() if report else None)
    finally:
        _tidy(hub, state.repo, draft.branch)
    release = release_of(hub, state.repo, entry, candidate.manifest)
    Memory(hub.identity, state.repo).remember_manifest(candidate.commit, draft.manifest_bytes)
    HashCache().prune()
    return replace(release, bytes_sent=candidate.bytes_sent, smoke=report)


def _signed(draft: Draft, signer: Signer | None) -> Draft:
    """Sign a draft from the hashes in its manifest."""
    if signer is None:
        return draft
    return replace(draft, signature=sign_manifest(draft.manifest, draft.manifest_bytes, signer))


def _propose(
    hub: Hub,
    state: RepoState,
    draft: Draft,
    base: BaseModelLink | None,
    report: SmokeReport | None,
    request: Request,
    progress: Progress,
) -> Release:
    """Commit, check, and ask for review."""
    if waiting := under_review(hub, state, draft, request):
        return waiting
    try:
        candidate = commit_candidate(hub, state, draft, progress)
        if request.smoke == "require":
            report = _smoke_candidate(hub, candidate, base, request, progress)
        _remember_receipt(hub, candidate, request)
        release = propose(hub, state, draft, candidate, report, request)
    finally:
        _tidy(hub, state.repo, draft.branch)
    return replace(release, bytes_sent=candidate.bytes_sent, smoke=report)


def _refuse_secrets(checkpoint: Checkpoint) -> None:
    """Look for secrets in the author's files, and in his own words at the lines where he wrote them."""
    sources: dict[str, Source] = {path: checkpoint.directory / path for path in checkpoint.files}
    if checkpoint.readme is not None:
        sources[CARD] = checkpoint.readme.encode()
    refuse_secrets(sources, find_policy(Path.cwd()).secrets.allow)


def _create(hub: Hub, request: Request, say: Say) -> RepoState:
    """Create the repo, once it is sure what will go there."""
    say(f"Creating {'private' if request.private else 'public'} repo {request.repo} on {hub.place}")
    hub.create_repo(request.repo, private=request.private)
    return read_state(hub, request.repo)


def _smoke(
    hub: Hub,
    checkpoint: Checkpoint,
    base: BaseModelLink | None,
    request: Request,
    say: Say,
    progress: Progress,
) -> SmokeReport | None:
    """Run the folder's model before anything is written."""
    if request.smoke == "off":
        return None
    if request.smoke == "auto" and find_spec("torch") is None:
        say("No smoke eval: torch is not installed (pip install 'hfver[torch]')")
        return None
    return _passed(_run(hub, request.directory, checkpoint.content_digest, base, request, progress))


def _smoke_candidate(
    hub: Hub, candidate: Candidate, base: BaseModelLink | None, request: Request, progress: Progress
) -> SmokeReport:
    """Run the model that the Hub gives back for the very commit that is about to be tagged."""
    release = candidate_release(hub, request.repo, candidate.commit, candidate.manifest, candidate.digest)
    snapshot = bring(hub, Pinned(release, candidate.tree), progress=progress)
    return _passed(_run(hub, snapshot.path, candidate.manifest.content_digest, base, request, progress))


def _run(
    hub: Hub, directory: Path, content: str, base: BaseModelLink | None, request: Request, progress: Progress
) -> SmokeReport:
    adapter = (directory / "adapter_config.json").is_file()
    base_directory = bring_base(hub, base, str(directory), progress=progress).path if adapter else None
    return run_smoke(
        directory,
        device=request.device,
        base_directory=base_directory,
        trust_remote_code=request.trust_remote_code,
        content_digest=content,
    )


def _passed(report: SmokeReport) -> SmokeReport:
    if report.status != "failed":
        return report
    failures = "".join(f"\n  {check.name}: {check.detail}" for check in report.failures)
    raise SmokeFailed(
        f"The model does not run as it should ({report.device}, {report.dtype}):{failures}",
        "Mend the checkpoint, or release it as it is with --smoke off.",
    )


def _plan(
    hub: Hub,
    checkpoint: Checkpoint,
    base: BaseModelLink | None,
    report: SmokeReport | None,
    request: Request,
) -> Release:
    """Describe the release that would be made, having written nothing."""
    state = observe(hub, request.repo)
    draft = prepare(hub, state, checkpoint, base, report, request)
    manifest = draft.manifest
    release = candidate_release(hub, request.repo, "", manifest, draft.digest)
    large = [entry for path, entry in manifest.files.items() if wants_lfs(path, entry.size)]
    lacking = missing_objects(hub, request.repo, large) if state else {entry.sha256 for entry in large}
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
        smoke=report,
        card=card.decode() if isinstance(card, bytes) else None,
        note="dry run: nothing was written",
    )


def _done_before(hub: Hub, state: RepoState | None, checkpoint: Checkpoint, request: Request) -> Release | None:
    """Find the release that this very command published on an earlier run, and remove what that run left behind."""
    entry = _same_content(state, checkpoint, request) if state else None
    if state is None or entry is None:
        return None
    receipt = Memory(hub.identity, request.repo).receipt(checkpoint.content_digest)
    if request.version is None and receipt != _receipt(entry.commit, request):
        return None
    branch = branch_of(checkpoint.content_digest)
    if branch in state.refs.branches and not request.dry_run:
        _tidy(hub, request.repo, branch)
    return replace(pin(hub, state, entry).release, note="published already by an earlier run of this command")


def _same_content(state: RepoState, checkpoint: Checkpoint, request: Request) -> Entry | None:
    if request.version is not None:
        entry = state.ledger.find(request.version)
    else:
        entry = max(state.ledger.entries, key=lambda entry: entry.version, default=None)
    return entry if entry and entry.line.content_digest == checkpoint.content_digest else None


def _remember_receipt(hub: Hub, candidate: Candidate, request: Request) -> None:
    """Note, before the tag is made, that this commit comes from this command."""
    memory = Memory(hub.identity, request.repo)
    memory.remember_receipt(candidate.manifest.content_digest, _receipt(candidate.commit, request))


def _receipt(commit: str, request: Request) -> bytes:
    asked = replace(request, directory=request.directory.resolve(), dry_run=False)
    return f"{commit} {digest_of(repr(asked).encode())}\n".encode()


def _tidy(hub: Hub, repo: str, branch: str) -> None:
    """Remove the candidate's branch; one that stays is removed by the next run."""
    with suppress(HubError):
        hub.delete_branch(repo, branch)
