"""Show: make ``main`` hold the newest stable release's files, beside the repo's own state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hfver.core.ledger import Ledger
from hfver.core.manifest import CARD, is_state
from hfver.hub import Delete, Operation, Put, PutLfs, TreeFile
from hfver.hub.client import HubRepo
from hfver.model.card import with_yanks
from hfver.registry.release_checks import git_blob_id
from hfver.registry.state import RepoState

__all__ = ["Shown", "show_on_main"]


@dataclass(frozen=True)
class Shown:
    """A release's commit, to be shown on ``main``.

    Attributes:
        commit: The commit S.
        tree: Its files.
        content: Regular files that are at hand; the others are read from the Hub.
    """

    commit: str
    tree: Mapping[str, TreeFile] = field(repr=False)
    content: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def show_on_main(state: RepoState, shown: Shown, after: Ledger) -> Iterator[Operation]:
    """Say what must change for ``main`` to show a release, large files by reference.

    Args:
        state: What the repo says now.
        shown: The release.
        after: The ledger as it will be: the card on ``main`` names what was yanked.
    """
    main = state.repo.tree(state.refs.main)
    for path, file in shown.tree.items():
        if path == CARD and after.yanks:
            yield from _card(state.repo, shown, main.get(CARD), after)
        elif path not in main or main[path].blob != file.blob:
            yield _copy(state.repo, shown, file)
    yield from (Delete(path) for path in main if path not in shown.tree and not is_state(path))


def _card(repo: HubRepo, shown: Shown, now: TreeFile | None, after: Ledger) -> Iterator[Operation]:
    card = with_yanks(_read(repo, shown, CARD), after.yanks)
    if now is None or now.blob != git_blob_id(card):
        yield Put(CARD, card)


def _copy(repo: HubRepo, shown: Shown, file: TreeFile) -> Operation:
    if file.sha256:
        return PutLfs(file.path, file.sha256, file.size)
    return Put(file.path, _read(repo, shown, file.path))


def _read(repo: HubRepo, shown: Shown, path: str) -> bytes:
    known = shown.content.get(path)
    return known if known is not None else repo.read(shown.commit, path)
