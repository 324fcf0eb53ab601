"""Review: a candidate waits in a pull request until somebody merges it.

The pull request is found again by the content digest in its title, and its content is identified by a mark in its
description. So the same command continues with what exists, on any machine: after a crash, after a lost answer, and
after another release was published. The pull request is a draft until everything in it is complete.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hfver.core.manifest import MANIFEST, Manifest, digest_of
from hfver.core.results import Release, Review
from hfver.core.smoke_report import SmokeReport
from hfver.errors import Conflict, HubNotFound, Refused, UsageError
from hfver.hub import ParentMoved
from hfver.hub.client import UNKNOWN_USER, HubRepo
from hfver.hub.discussions import (
    Comment,
    Pull,
    Thread,
    add_comment,
    change_status,
    edit_comment,
    list_pulls,
    open_pull,
    pull_url,
    read_thread,
    rename_pull,
)
from hfver.hub.git.push import advance
from hfver.model.card import ReviewFacts, render_review
from hfver.registry.pull_request import holds_release, release_commit_line, release_commit_of, restore_state
from hfver.registry.resolve import candidate_release
from hfver.registry.state import RepoState
from hfver.releasing.candidate import Candidate
from hfver.releasing.draft import Draft
from hfver.releasing.notes import metric_deltas
from hfver.releasing.request import ReleaseRequest

__all__ = ["find_review", "propose"]

MAX_TITLE = 200
"""Maximum length of a pull request's title in characters."""

_MARK = re.compile(r"<!-- hfver (?P<request>sha256:[0-9a-f]{64}) (?P<head>[0-9a-f]{40}) -->")


_PREPARED = re.compile(r"`[\w./@+-]+` is being prepared\.")
"""The description of a pull request before its release was committed."""


@dataclass(frozen=True)
class _OwnPull:
    """A pull request that hfver opened.

    Attributes:
        pull: The pull request.
        thread: Its comments.
        request: The identity of the request that it was opened for; None until its description is complete.
        head: The head that hfver gave it; None until its description is complete.
    """

    pull: Pull
    thread: Thread
    request: str | None
    head: str | None


def find_review(state: RepoState, draft: Draft, request: ReleaseRequest) -> Release | None:
    """Find an open pull request for exactly this release, and open it for review if it is still a draft.

    Returns:
        The candidate that it holds; None if a pull request has to be opened or updated.

    Raises:
        UsageError: A merge would put a version on ``main`` that ``main`` must not show.
        Refused: The pull request was merged already, and its release has to be finished.
    """
    _check_lands_on_main(state, draft)
    _check_not_merged(state, draft)
    found = _find_open(state.repo, draft)
    if found is None or found.head is None or found.request != request.identity() or found.thread.in_conflict:
        return None
    # Somebody else pushed to it, or hfver was killed between its push and the mark: it has to be updated.
    head = state.refs.pull_requests.get(found.pull.number)
    if head != found.head:
        return None
    commit = release_commit_of(state.repo, head)
    raw = state.repo.find(commit, MANIFEST) or b""
    manifest = Manifest.decode(raw, f"{state.repo}@{commit[:12]}")
    if not _is_current(manifest, draft):
        return None
    _leave_draft(state.repo, found.pull)
    release = candidate_release(state.repo, commit, manifest, digest_of(raw))
    return _as_review(state.repo, release, found.pull.number, "under review already; nothing changed since")


def propose(
    state: RepoState, draft: Draft, candidate: Candidate, smoke: SmokeReport | None, request: ReleaseRequest
) -> Release:
    """Open a pull request with the candidate, or move an open one to the candidate.

    Args:
        state: The repo.
        draft: The draft that was committed.
        candidate: The candidate, at the head of its branch.
        smoke: The report of the smoke eval, for the description.
        request: The request that is to be recognized when the command runs again.

    Returns:
        The candidate, with the number and the URL of the pull request.

    Raises:
        Refused: The pull request has commits that hfver did not make.
        Conflict: Somebody pushed to the pull request at the same time.
    """
    repo = state.repo
    new = _commit_with_state(state, draft, candidate)
    found = _find_open(repo, draft) or _open_as_draft(repo, draft)
    pull = found.pull
    _check_no_other_commits(repo, found)
    message = f"Continue from main: {draft.title}\n\n{release_commit_line(candidate.commit)}"
    head = advance(repo, pull.ref, draft.branch, new, message)
    if found.head and found.head != head:
        add_comment(repo, pull.number, _update_comment(repo, draft, found))
    # The mark comes last, because it says that everything before it is complete.
    _update_description(repo, found, draft, candidate, smoke, f"<!-- hfver {request.identity()} {head} -->")
    _leave_draft(repo, pull)
    release = candidate_release(repo, candidate.commit, candidate.manifest, candidate.digest)
    return _as_review(repo, release, pull.number, "not published yet: after the merge, finish it")


def _as_review(repo: HubRepo, release: Release, number: int, note: str) -> Release:
    manifest, url = release.manifest, pull_url(repo, number)
    bump, because = (manifest.bump, manifest.because) if manifest else (None, None)
    return replace(release, bump=bump, because=because, review=Review(number, url), url=url, note=note)


def _check_lands_on_main(state: RepoState, draft: Draft) -> None:
    """Refuse a version that ``main`` must not show: a merge puts its files there, whatever is newer."""
    newest = state.ledger.newest()
    if draft.version.prerelease or (newest and draft.version < newest.version):
        raise UsageError(
            f"{draft.version} cannot be reviewed in a pull request: a merge would put it on main, "
            "which always shows the newest stable release.",
            "Release it without --review.",
        )


def _title(draft: Draft) -> str:
    mark = _title_mark(draft)
    return f"{' '.join(draft.title.split())[: MAX_TITLE - len(mark) - 1]} {mark}"


def _title_mark(draft: Draft) -> str:
    """Return the end of the title: the first digits of the content digest, by which the pull request is found."""
    return f"[{draft.branch.rpartition('/')[2]}]"


def _own_pulls(repo: HubRepo, draft: Draft) -> list[Pull]:
    # By its marks and not by its author: the Hub does not say who a trusted publisher's token is. Anybody can open a
    # pull request with such a title, so it must also have the description that hfver writes.
    mark = _title_mark(draft)
    found = [pull for pull in list_pulls(repo) if pull.title.endswith(f" {mark}")]
    # Only its author can edit a description, so the caller's own come first.
    own = [pull for pull in found if pull.author == repo.hub.user != UNKNOWN_USER]
    return own or [pull for pull in found if _has_marks(repo, pull)]


def _has_marks(repo: HubRepo, pull: Pull) -> bool:
    first = next(iter(read_thread(repo, pull.number).comments), None)
    if first is None:
        return False
    text = first.text.strip()
    last = text.rpartition("\n")[2]
    return bool(_MARK.fullmatch(last) or _PREPARED.fullmatch(text))


def _find_open(repo: HubRepo, draft: Draft) -> _OwnPull | None:
    """Find the pull request for this content that is neither closed nor merged, and close duplicates of it."""
    # A request to open one whose answer was lost is sent again, so there may be two; all writers keep the first.
    open_pulls = sorted(
        (pull for pull in _own_pulls(repo, draft) if pull.status in ("draft", "open")), key=lambda pull: pull.number
    )
    for other in open_pulls[1:]:
        change_status(repo, other.number, "closed", f"Duplicate of #{open_pulls[0].number}.")
    return _read(repo, open_pulls[0]) if open_pulls else None


def _read(repo: HubRepo, pull: Pull) -> _OwnPull:
    thread = read_thread(repo, pull.number)
    mark = _MARK.search(thread.comments[0].text) if thread.comments else None
    return _OwnPull(pull, thread, mark["request"] if mark else None, mark["head"] if mark else None)


def _open_as_draft(repo: HubRepo, draft: Draft) -> _OwnPull:
    number = open_pull(repo, _title(draft), f"`{repo}@{draft.version}` is being prepared.")
    return _find_open(repo, draft) or _read(repo, Pull(number, _title(draft), "draft", repo.hub.user))


def _check_not_merged(state: RepoState, draft: Draft) -> None:
    """Refuse a release that was merged already: the next step is to finish it."""
    for pull in _own_pulls(state.repo, draft):
        head = state.refs.pull_requests.get(pull.number)
        if pull.status != "merged" or head is None:
            continue
        raw = state.repo.find(head, MANIFEST)
        if raw and _is_current(Manifest.decode(raw, f"{state.repo}@{pull.ref}"), draft):
            raise Refused(
                f"{state.repo}@{draft.version} was merged as pull request {pull.number}, but is not published yet.",
                f"Run: hfver release --finish {state.repo}#{pull.number}",
            )


def _is_current(manifest: Manifest, draft: Draft) -> bool:
    """Return whether a candidate is still what the command would make: the same content, version and comparison."""
    now = draft.manifest
    before = (manifest.version, manifest.previous, manifest.content_digest, manifest.because, manifest.levels)
    return before == (now.version, now.previous, now.content_digest, now.because, now.levels)


def _check_no_other_commits(repo: HubRepo, found: _OwnPull) -> None:
    """Refuse to replace what somebody else pushed to the pull request."""
    if found.head is None:  # a draft without a mark: nobody was asked to review it yet
        return
    try:
        head = repo.refs().pull_requests[found.pull.number]
    except KeyError:
        raise HubNotFound(
            f"{repo}: {found.pull.ref} is missing.", "Close the pull request and run the command again."
        ) from None
    if head != found.head and not holds_release(repo, head):
        raise Refused(
            f"{repo}: pull request {found.pull.number} has commits that hfver did not make (head {head[:12]}).",
            "Copy their changes to your folder, close the pull request, and run the command again.",
        )


def _commit_with_state(state: RepoState, draft: Draft, candidate: Candidate) -> str:
    """Commit the repo's state on top of the candidate, if there is any (see `hfver.registry.pull_request`).

    Returns:
        The commit for the head of the pull request.

    Raises:
        Conflict: Another process is releasing the same content, and moved or deleted the branch.
    """
    operations = restore_state(state.repo, state.refs.main)
    if not operations:
        return candidate.commit
    try:
        return state.repo.commit(
            draft.branch,
            operations,
            summary=f"Keep the repo's state beside {draft.version}",
            description=release_commit_line(candidate.commit),
            parent=candidate.commit,
        )
    except (ParentMoved, HubNotFound):
        # Our own commit, if the first answer to it was lost.
        head = state.repo.refs().branches.get(draft.branch)
        if head is not None and release_commit_of(state.repo, head) == candidate.commit:
            return head
        raise Conflict(
            f"{state.repo}: branch {draft.branch} changed in the meantime; another process is releasing the same "
            "content.",
            "Wait for it to finish, then run the command again.",
        ) from None


def _update_comment(repo: HubRepo, draft: Draft, found: _OwnPull) -> str:
    """Say in the pull request why its content was replaced."""
    raw = repo.find(found.head or "", MANIFEST)
    before = Manifest.decode(raw, f"{repo}@{found.pull.ref}") if raw else None
    now, previous = f"It would be `{repo}@{draft.version}`.", draft.choice.previous
    if before is None or previous is None or before.previous == draft.manifest.previous:
        return f"Updated: the release command was run again. {now}"
    newer = f"`{repo}@{previous.version}` was published in the meantime, so this is now compared with it."
    return f"Updated: {newer} {now}"


def _update_description(
    repo: HubRepo,
    found: _OwnPull,
    draft: Draft,
    candidate: Candidate,
    smoke: SmokeReport | None,
    mark: str,
) -> None:
    number = found.pull.number
    if found.pull.title != _title(draft):
        rename_pull(repo, number, _title(draft))
    text = f"{render_review(_facts(repo, number, draft, candidate, smoke))}\n\n{mark}"
    first: Comment | None = next(iter(found.thread.comments), None)
    if first is not None and first.text != text:
        edit_comment(repo, number, first, text)


def _facts(repo: HubRepo, number: int, draft: Draft, candidate: Candidate, smoke: SmokeReport | None) -> ReviewFacts:
    choice = draft.choice
    return ReviewFacts(
        repo=repo.name,
        number=number,
        version=str(draft.version),
        bump=choice.bump,
        previous=str(choice.previous.version) if choice.previous else None,
        because=choice.because,
        message=draft.author_message,
        difference=choice.difference,
        metrics=metric_deltas(choice, draft.metrics),
        smoke=smoke,
        commit=candidate.commit,
        digest=candidate.digest,
        content_digest=candidate.manifest.content_digest,
    )


def _leave_draft(repo: HubRepo, pull: Pull) -> None:
    """Open the pull request for review."""
    if pull.status == "draft":
        change_status(repo, pull.number, "open")
