"""Review: a candidate waits in a pull request until people let it land.

The pull request is found again by the content digest in its title, and what it holds by a mark in its description.
So the same command goes on with what is there, wherever it runs: after a crash, after a lost answer, and after another
release overtook it. Until all of it is there, the pull request is a draft.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hfver.core.manifest import MANIFEST, Manifest, digest_of
from hfver.core.results import Release, Review
from hfver.core.smoke_report import SmokeReport
from hfver.errors import Conflict, HubNotFound, Refused, UsageError
from hfver.hub import Stale
from hfver.hub.client import HubRepo
from hfver.hub.discussions import (
    Comment,
    Pull,
    Thread,
    change_status,
    edit,
    list_pulls,
    open_pull,
    pull_url,
    read_thread,
    rename,
    say_in,
)
from hfver.hub.git.push import advance
from hfver.model.card import MetricDelta, ReviewFacts, render_review
from hfver.registry.pull_request import behind, holds_release, pointer_to, put_state_back
from hfver.registry.resolve import candidate_release
from hfver.registry.state import RepoState
from hfver.releasing.candidate import Candidate
from hfver.releasing.draft import Draft
from hfver.releasing.request import ReleaseRequest

__all__ = ["propose", "under_review"]

MAX_TITLE = 200
_MARK = re.compile(r"<!-- hfver (?P<asked>sha256:[0-9a-f]{64}) (?P<head>[0-9a-f]{40}) -->")


@dataclass(frozen=True)
class _Open:
    """A pull request of ours, with what is known of what it holds; `asked` and `head` are None before it is whole."""

    pull: Pull
    thread: Thread
    asked: str | None
    head: str | None


def under_review(state: RepoState, draft: Draft, request: ReleaseRequest) -> Release | None:
    """Find the pull request that asks for exactly this already, and make sure that it can be seen.

    Raises:
        UsageError: The release could not land by a merge.
        Refused: It was merged already, and waits to be finished.
    """
    _check_lands_on_main(state, draft)
    _check_not_merged(state, draft)
    found = _find(state.repo, draft)
    if found is None or found.head is None or found.asked != request.identity() or found.thread.in_conflict:
        return None
    head = state.refs.pull_requests.get(found.pull.number)
    if head != found.head:
        return None
    commit = behind(state.repo, head)
    raw = state.repo.find(commit, MANIFEST) or b""
    manifest = Manifest.decode(raw, f"{state.repo}@{commit[:12]}")
    if not _still_stands(manifest, draft):
        return None
    _publish_draft(state.repo, found.pull)
    release = candidate_release(state.repo, commit, manifest, digest_of(raw))
    return _as_review(state.repo, release, found.pull.number, "under review already; nothing changed since")


def propose(
    state: RepoState, draft: Draft, candidate: Candidate, smoke: SmokeReport | None, request: ReleaseRequest
) -> Release:
    """Open a pull request with a candidate that is on its branch, or put the candidate onto the one that is open.

    Raises:
        Refused: Somebody else added commits to the pull request.
        Conflict: Somebody pushed to it just now.
    """
    repo = state.repo
    new = _head_of_candidate(state, draft, candidate)
    found = _find(repo, draft) or _open(repo, draft)
    pull = found.pull
    _check_ours(repo, found)
    message = f"Go on from main: {draft.summary}\n\n{pointer_to(candidate.commit)}"
    head = advance(repo, pull.ref, draft.branch, new, message)
    if found.head and found.head != head:
        say_in(repo, pull.number, _why_refreshed(repo, draft, found))
    _describe(repo, found, draft, candidate, smoke, f"<!-- hfver {request.identity()} {head} -->")
    _publish_draft(repo, pull)
    release = candidate_release(repo, candidate.commit, candidate.manifest, candidate.digest)
    return _as_review(repo, release, pull.number, "not published: it waits to be merged, then finished")


def _as_review(repo: HubRepo, release: Release, number: int, note: str) -> Release:
    manifest, url = release.manifest, pull_url(repo, number)
    bump, because = (manifest.bump, manifest.because) if manifest else (None, None)
    return replace(release, bump=bump, because=because, review=Review(number, url), url=url, note=note)


def _check_lands_on_main(state: RepoState, draft: Draft) -> None:
    """Refuse what ``main`` must not show: a merge puts files there, and they are the newest stable release's."""
    newest = state.ledger.newest()
    if draft.version.prerelease or (newest and draft.version < newest.version):
        raise UsageError(
            f"{draft.version} cannot be reviewed in a pull request: merging it would put it on main, "
            "which shows the newest stable release.",
            "Release it without --review.",
        )


def _title(draft: Draft) -> str:
    mark = _title_mark(draft)
    return f"{' '.join(draft.summary.split())[: MAX_TITLE - len(mark) - 1]} {mark}"


def _title_mark(draft: Draft) -> str:
    return f"[{draft.branch.rpartition('/')[2]}]"


def _ours(repo: HubRepo, draft: Draft) -> list[Pull]:
    mark = _title_mark(draft)
    return [pull for pull in list_pulls(repo, repo.hub.user) if pull.title.endswith(mark)]


def _find(repo: HubRepo, draft: Draft) -> _Open | None:
    """Find our pull request for this content that is not closed or merged; a second one is closed on the way."""
    under_way = sorted(
        (pull for pull in _ours(repo, draft) if pull.status in ("draft", "open")), key=lambda pull: pull.number
    )
    for other in under_way[1:]:
        change_status(repo, other.number, "closed", f"The same as #{under_way[0].number}.")
    return _read(repo, under_way[0]) if under_way else None


def _read(repo: HubRepo, pull: Pull) -> _Open:
    thread = read_thread(repo, pull.number)
    mark = _MARK.search(thread.comments[0].text) if thread.comments else None
    return _Open(pull, thread, mark["asked"] if mark else None, mark["head"] if mark else None)


def _open(repo: HubRepo, draft: Draft) -> _Open:
    """Open a pull request as a draft; if our request arrived twice, the first one counts."""
    number = open_pull(repo, _title(draft), f"`{repo}@{draft.version}` is being put here.")
    return _find(repo, draft) or _read(repo, Pull(number, _title(draft), "draft", repo.hub.user))


def _check_not_merged(state: RepoState, draft: Draft) -> None:
    """Send those who merged it on to the command that finishes it."""
    for pull in _ours(state.repo, draft):
        head = state.refs.pull_requests.get(pull.number)
        if pull.status != "merged" or head is None:
            continue
        raw = state.repo.find(head, MANIFEST)
        if raw and _still_stands(Manifest.decode(raw, f"{state.repo}@{pull.ref}"), draft):
            raise Refused(
                f"{state.repo}@{draft.version} is merged already, as pull request {pull.number}, "
                "and is no version yet.",
                f"Run: hfver release --finish {state.repo}#{pull.number}",
            )


def _still_stands(manifest: Manifest, draft: Draft) -> bool:
    """Tell whether a candidate would come out the same today: compared with the same release, as the same version."""
    now = draft.manifest
    before = (manifest.version, manifest.previous, manifest.content_digest, manifest.because, manifest.levels)
    return before == (now.version, now.previous, now.content_digest, now.because, now.levels)


def _check_ours(repo: HubRepo, found: _Open) -> None:
    """Refuse to bury what somebody else pushed to the pull request."""
    if found.head is None:
        return
    try:
        head = repo.refs().pull_requests[found.pull.number]
    except KeyError:
        raise HubNotFound(f"{repo}: {found.pull.ref} is gone.", "Close the pull request and try again.") from None
    if head != found.head and not holds_release(repo, head):
        raise Refused(
            f"{repo}: pull request {found.pull.number} holds commits that hfver did not make (head {head[:12]}).",
            "Take their changes into your folder, close the pull request, and run the command again.",
        )


def _head_of_candidate(state: RepoState, draft: Draft, candidate: Candidate) -> str:
    """Put the repo's state back on top of the candidate (see `hfver.registry.pull_request`), if there is any.

    Raises:
        Conflict: A twin of this command, which releases the same content, took the branch.
    """
    operations = put_state_back(state.repo, state.refs.main)
    if not operations:
        return candidate.commit
    try:
        return state.repo.commit(
            draft.branch,
            operations,
            summary=f"Keep the repo's own state beside {draft.version}",
            description=pointer_to(candidate.commit),
            parent=candidate.commit,
        )
    except (Stale, HubNotFound):
        head = state.repo.refs().branches.get(draft.branch)
        if head is not None and behind(state.repo, head) == candidate.commit:
            return head
        raise Conflict(
            f"{state.repo}: branch {draft.branch} was taken away; the same content is being released elsewhere.",
            "Wait for it to finish, then run the command again.",
        ) from None


def _why_refreshed(repo: HubRepo, draft: Draft, found: _Open) -> str:
    raw = repo.find(found.head or "", MANIFEST)
    before = Manifest.decode(raw, f"{repo}@{found.pull.ref}") if raw else None
    now, previous = f"It would be `{repo}@{draft.version}`.", draft.step.previous
    if before is None or previous is None or before.previous == draft.manifest.previous:
        return f"Refreshed: the release command was run again. {now}"
    overtaken = f"`{repo}@{previous.version}` was published meanwhile, so this is compared with it now."
    return f"Refreshed: {overtaken} {now}"


def _describe(
    repo: HubRepo,
    found: _Open,
    draft: Draft,
    candidate: Candidate,
    smoke: SmokeReport | None,
    mark: str,
) -> None:
    number = found.pull.number
    if found.pull.title != _title(draft):
        rename(repo, number, _title(draft))
    text = f"{render_review(_facts(repo, number, draft, candidate, smoke))}\n\n{mark}"
    first: Comment | None = next(iter(found.thread.comments), None)
    if first is not None and first.text != text:
        edit(repo, number, first, text)


def _facts(repo: HubRepo, number: int, draft: Draft, candidate: Candidate, smoke: SmokeReport | None) -> ReviewFacts:
    step = draft.step
    before = step.metrics or {}
    names = sorted({*before, *draft.metrics})
    return ReviewFacts(
        repo=repo.name,
        number=number,
        version=str(draft.version),
        bump=step.bump,
        previous=str(step.previous.version) if step.previous else None,
        because=step.because,
        message=draft.words,
        difference=step.difference,
        metrics=tuple(MetricDelta(name, before.get(name), draft.metrics.get(name)) for name in names),
        smoke=smoke,
        commit=candidate.commit,
        digest=candidate.digest,
        content_digest=candidate.manifest.content_digest,
    )


def _publish_draft(repo: HubRepo, pull: Pull) -> None:
    if pull.status == "draft":
        change_status(repo, pull.number, "open")
