"""The releases of a repo as its ledger names them, without their manifests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hfver.core.ledger import Entry
from hfver.core.results import Release, Versions
from hfver.core.version import tag_of
from hfver.errors import TagMoved
from hfver.hub.client import HubRepo
from hfver.registry.state import TrustOptions, read_state

if TYPE_CHECKING:  # a list of versions reads no manifest
    from hfver.core.manifest import Manifest

__all__ = ["candidate_release", "check_tag", "list_versions", "release_of"]


def list_versions(repo: HubRepo, trust: TrustOptions = TrustOptions()) -> Versions:
    """List a repo's releases from its ledger, newest version first.

    Raises:
        TagMoved: A release's tag is missing, or points to a different commit.
    """
    state = read_state(repo, trust)
    for entry in state.ledger.entries:
        check_tag(repo, state.refs.tags, entry, state.commit_of_tag)
    ordered = sorted(state.ledger.entries, key=lambda entry: entry.version, reverse=True)
    releases = tuple(release_of(repo, entry, None) for entry in ordered)
    return Versions(repo.name, releases, tuple(tag_of(version) for version in sorted(state.pending)))


def check_tag(
    repo: HubRepo, tags: Mapping[str, str], entry: Entry, ask: Callable[[str], str | None] | None = None
) -> None:
    """Compare a release's tag with its line in the ledger.

    Args:
        repo: The repo.
        tags: What its tags point to.
        entry: The release.
        ask: Asks the Hub for the commit of a tag that is missing or points to something else, because refs may be old
            or name tag objects; None if ``tags`` are commits for sure.

    Raises:
        TagMoved: The tag is missing, or points to a different commit.
    """
    tag = tag_of(entry.version)
    found = tags.get(tag)
    if found != entry.commit and ask:
        found = ask(tag)
    if found == entry.commit:
        return
    now = f"points to {found}" if found else "is missing"
    raise TagMoved(
        f"{repo}: tag {tag} {now}; the ledger says {entry.commit}.",
        f"Somebody {'moved' if found else 'deleted'} the tag. The released files are at {repo}@{entry.commit}; "
        "find out who did it and why before you use them.",
    )


def release_of(repo: HubRepo, entry: Entry, manifest: Manifest | None) -> Release:
    """Return a published release as its ledger entry describes it."""
    line = entry.line
    return Release(
        repo=_repo_name(repo, manifest),
        commit=entry.commit,
        url=repo.url(tag_of(entry.version)),
        version=str(entry.version),
        tag=tag_of(entry.version),
        digest=line.digest,
        content_digest=line.content_digest,
        bump=line.bump,
        because=line.because,
        measured=line.measured,
        date=line.date,
        author=line.author,
        yanked=entry.yanked,
        adopted=line.event == "adopt",
        manifest=manifest,
        smoke=line.smoke,
    )


def candidate_release(repo: HubRepo, commit: str, manifest: Manifest, digest: str) -> Release:
    """Return the release in a commit that is not published, or not known to be."""
    return Release(
        repo=_repo_name(repo, manifest),
        commit=commit,
        url=repo.url(commit),
        version=manifest.version,
        measured=manifest.measured,
        digest=digest,
        content_digest=manifest.content_digest,
        published=False,
        manifest=manifest,
    )


def _repo_name(repo: HubRepo, manifest: Manifest | None) -> str:
    """Return the repo's name as its releases spell it, if that differs from what the user typed only in case."""
    return manifest.repo if manifest and manifest.repo.lower() == repo.name.lower() else repo.name
