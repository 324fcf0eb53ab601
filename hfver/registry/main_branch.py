"""What ``main`` shows: the files of the newest stable release, beside the repo's state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hfver.core.ledger import Ledger
from hfver.core.manifest import CARD, is_state
from hfver.hub import AddFile, AddLfsFile, DeleteFile, Operation, TreeFile
from hfver.hub.client import HubRepo
from hfver.model.card import main_cards
from hfver.registry.release_checks import git_blob_id
from hfver.registry.state import RepoState

__all__ = ["CommittedRelease", "main_operations"]


@dataclass(frozen=True)
class CommittedRelease:
    """A release that ``main`` is to show.

    Attributes:
        commit: The release's commit.
        tree: The files of the commit.
        content: The regular files in memory, by path; the others are read from the Hub.
    """

    commit: str
    tree: Mapping[str, TreeFile] = field(repr=False)
    content: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def main_operations(state: RepoState, release: CommittedRelease, after: Ledger) -> Iterator[Operation]:
    """Return the operations after which ``main`` shows a release; large files are not sent again.

    Args:
        state: The state of the repo.
        release: The release.
        after: The ledger after the commit: the card on ``main`` names the yanked versions.
    """
    main = state.repo.tree(state.refs.main)
    for path, file in release.tree.items():
        if path == CARD and not file.sha256:
            yield from _card(state.repo, release, main.get(CARD), after)
        elif path not in main or main[path].blob != file.blob:
            yield _copy(state.repo, release, file)
    # The repo's state stays: it is on main only, and part of no release.
    yield from (DeleteFile(path) for path in main if path not in release.tree and not is_state(path))


def _card(repo: HubRepo, release: CommittedRelease, now: TreeFile | None, after: Ledger) -> Iterator[Operation]:
    """Return the change of the card: the one on ``main`` warns of yanked versions, and is one that the Hub accepts."""
    if not after.yanks and now is not None and now.blob == release.tree[CARD].blob:
        return
    forms = main_cards(_read(repo, release, CARD), after.yanks)
    if now is None or now.blob not in map(git_blob_id, forms):
        yield AddFile(CARD, forms[0] if CARD in release.content else _accepted(repo, forms))


def _accepted(repo: HubRepo, forms: Sequence[bytes]) -> bytes:
    """Choose the first form that the Hub accepts: an old card may have been made before the Hub's present rules."""
    return next((form for form in forms[:-1] if not repo.judge_card(form).errors), forms[-1])


def _copy(repo: HubRepo, release: CommittedRelease, file: TreeFile) -> Operation:
    if file.sha256:
        return AddLfsFile(file.path, file.sha256, file.size)
    return AddFile(file.path, _read(repo, release, file.path))


def _read(repo: HubRepo, release: CommittedRelease, path: str) -> bytes:
    known = release.content.get(path)
    return known if known is not None else repo.read(release.commit, path)
