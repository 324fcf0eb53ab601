"""Finish: publish the release of a merged pull request.

The merge put files on ``main``, but no line in the ledger. The commit that was reviewed, and no other, is checked once
more, tagged and published. A comment in the pull request then names the version.
"""

from __future__ import annotations

import time
from dataclasses import replace

from hfver.core.ledger import Entry
from hfver.core.manifest import MANIFEST, Manifest, digest_of
from hfver.core.results import Release, Review
from hfver.errors import Conflict, HubNotFound, Refused, VerificationError
from hfver.hub.client import HubRepo
from hfver.hub.discussions import Thread, add_comment, pull_url, read_thread
from hfver.registry.pull_request import release_commit_of
from hfver.registry.release_checks import check_binding, check_tree
from hfver.registry.resolve import candidate_release, release_of
from hfver.registry.signing import check_signed
from hfver.registry.state import RepoState, TrustOptions, read_state
from hfver.releasing.candidate import Candidate, check_publishable
from hfver.releasing.publish import complete_pending, publish, refuse_foreign_tags, tag_candidate

__all__ = ["finish"]


def finish(repo: HubRepo, number: int, trust: TrustOptions = TrustOptions()) -> Release:
    """Publish the release of a merged pull request. Finishing it again only notes that it is published already.

    Args:
        repo: The repo.
        number: The pull request's number.
        trust: What must hold for the repo to be trusted.

    Raises:
        HubNotFound: There is no such pull request, or it contains no release.
        Refused: It is not merged, or not into ``main``.
        Conflict: Another release was published after the one that it was compared with.
        VerificationError: Its files differ from its manifest, it was made after a release that is not in the ledger, or
            it is not signed as the policy requires.
    """
    thread = read_thread(repo, number)
    _check_merged(repo, number, thread)
    state = read_state(repo, trust)
    # Before pending releases are completed, which may include this one: its checks name the pull request in errors.
    candidate = _candidate(state, number)
    state = complete_pending(state)
    entry = state.ledger.at_commit(candidate.commit)
    note = "published already" if entry else None
    if entry is None:
        refuse_foreign_tags(state)
    entry = entry or _publish(state, candidate)
    _comment_published(repo, number, thread, entry)
    repo.memory.remember_manifest(candidate.commit, candidate.content[MANIFEST])
    release = release_of(repo, entry, candidate.manifest)
    return replace(release, review=Review(number, pull_url(repo, number)), note=note)


def _check_merged(repo: HubRepo, number: int, thread: Thread) -> None:
    if thread.pull is None:
        raise Refused(
            f"{repo}#{number} is a discussion, not a pull request.",
            f"Name the number of a pull request. The discussion is {pull_url(repo, number)}",
        )
    if thread.pull.status == "closed":
        raise Refused(
            f"{repo}: pull request {number} was closed without being merged.",
            "Reopen and merge it, or run the release command again, which opens a new one.",
        )
    if thread.pull.status != "merged":
        raise Refused(
            f"{repo}: pull request {number} is not merged yet ({thread.pull.status}).",
            f"Merge it at {pull_url(repo, number)}, then run the same command again.",
        )
    # A Hub can merge a pull request into any branch; what main shows would then not be what is published.
    if thread.base not in (None, "main", "refs/heads/main"):
        raise Refused(
            f"{repo}: pull request {number} was merged into {thread.base}, not into main.",
            "Run the release command with --review again, and merge its pull request into main.",
        )


def _head(state: RepoState, number: int) -> str | None:
    """Return the head of a merged pull request, whose ref refs from a cache may not show yet."""
    head = state.refs.pull_requests.get(number)
    for pause in state.repo.lag_pauses(written=True) if head is None else ():
        time.sleep(pause)
        head = state.repo.refs().pull_requests.get(number)
        if head is not None:
            break
    return head


def _candidate(state: RepoState, number: int) -> Candidate:
    """Find the commit that was reviewed, and check it against its manifest."""
    repo, where = state.repo, f"{state.repo}#{number}"
    head = _head(state, number)
    if head is None:
        raise HubNotFound(
            f"{where}: refs/pr/{number} is missing.",
            'It may have been deleted after the merge ("Delete ref"). Run the release command again.',
        )
    commit = release_commit_of(repo, head)
    raw = repo.find(commit, MANIFEST)
    if raw is None:
        raise HubNotFound(
            f"{where} contains no hfver release.", f"Propose one: hfver release DIR --repo {repo} --review"
        )
    manifest, tree = Manifest.decode(raw, where), repo.tree(commit)
    check_binding(manifest, state.names, manifest.version, where)
    try:
        check_tree(tree, manifest, where)
    except VerificationError as error:
        hint = "The pull request was changed after hfver opened it. Copy the changes to your folder, and release that."
        raise type(error)(error.message, hint) from None
    check_publishable(state.ledger, manifest, digest_of(raw), where)
    release = candidate_release(repo, commit, manifest, digest_of(raw))
    check_signed(repo, release, policy=state.trust.policy)
    return Candidate(commit, manifest, digest_of(raw), tree, content={MANIFEST: raw})


def _publish(state: RepoState, candidate: Candidate) -> Entry:
    _check_current(state, candidate)
    tag_candidate(state.repo, candidate)
    return publish(state, candidate, None)


def _check_current(state: RepoState, candidate: Candidate) -> None:
    """Check that the release which it was compared with is still the newest one."""
    stable = (entry for entry in state.ledger.entries if not entry.version.prerelease)
    newest = max(stable, key=lambda entry: entry.version, default=None)
    if (newest.line.digest if newest else None) == candidate.manifest.previous:
        return
    raise Conflict(
        f"{state.repo}@{candidate.version} cannot be published as it was reviewed: "
        + (
            f"{newest.version} was published in the meantime."
            if newest
            else "the release that it was compared with is missing."
        ),
        "Run the release command with --review again: it compares with the newest release, and opens a new pull "
        "request.",
    )


def _comment_published(repo: HubRepo, number: int, thread: Thread, entry: Entry) -> None:
    """Comment in the pull request that it is published, unless a run before did."""
    published = f"Published as `{repo}@{entry.version}`"
    if not any(comment.text.startswith(published) for comment in thread.comments):
        text = f"{published}, commit `{entry.commit}`.\n\n```\nhfver pull {repo}@{entry.version}\n```"
        add_comment(repo, number, text)
