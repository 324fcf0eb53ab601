"""Evidence: what a clone shows of a repo's releases, gathered in a handful of fetches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hfver.core.ledger import Entry
from hfver.core.lfs import LFS_BYTES
from hfver.core.manifest import ADOPTED, MANIFEST, Manifest
from hfver.core.version import tag_of
from hfver.errors import VerificationError
from hfver.hub import TreeFile
from hfver.hub.git.clone import Clone, GitTree, Tag
from hfver.registry.release_checks import UNLISTED

__all__ = ["Exhibit", "gather"]

BUDGET = 256 * 1024 * 1024
"""Bytes of ordinary files that an audit fetches to hash them, the smallest first; the rest is for ``--deep``."""


@dataclass(frozen=True)
class Exhibit:
    """What git shows of one release.

    Attributes:
        entry: Its line in the ledger.
        where: Its name in messages.
        tag: Its tag, if it has one.
        tree: The files of its commit; None if the commit is gone.
        raw: Its manifest's bytes; None if there is none.
        manifest: The same, read; None if it cannot be.
        files: What the Hub would list, as far as the manifest does not list it otherwise.
    """

    entry: Entry
    where: str
    tag: Tag | None
    tree: GitTree | None
    raw: bytes | None
    manifest: Manifest | None
    files: Mapping[str, TreeFile]


def gather(clone: Clone, repo: str, entries: Iterable[Entry], *, everything: bool) -> list[Exhibit]:
    """Fetch what is missing and lay out every release's evidence.

    Args:
        clone: The clone; it is filled.
        repo: The repo's name in messages.
        entries: The releases.
        everything: Fetch all ordinary files, whatever they weigh.
    """
    entries = list(entries)
    clone.fetch(entry.commit for entry in entries)
    trees = {entry.commit: clone.tree(entry.commit) for entry in entries}
    main = clone.tree(clone.branches["main"])
    state = main.blobs if main else {}
    blobs = [_manifest_blob(entry, trees[entry.commit], state) for entry in entries]
    clone.fetch(blob for blob in blobs if blob)
    raws = [clone.read(blob) if blob and clone.has(blob) else None for blob in blobs]
    manifests = [_decode(raw) for raw in raws]
    wanted = _small_files(clone, [trees[entry.commit] for entry in entries], manifests)
    clone.fetch(_affordable(wanted, None if everything else BUDGET))
    return [
        Exhibit(
            entry,
            f"{repo}@{entry.version}",
            clone.tags.get(tag_of(entry.version)),
            tree,
            raw,
            manifest,
            {path: clone.tree_file(path, blob) for path, blob in tree.blobs.items()} if tree else {},
        )
        for entry, raw, manifest in zip(entries, raws, manifests, strict=True)
        for tree in [trees[entry.commit]]
    ]


def _manifest_blob(entry: Entry, tree: GitTree | None, state: Mapping[str, str]) -> str | None:
    """Find where a release's manifest is: in its commit, or on ``main`` if it was adopted."""
    if entry.line.event == "adopt":
        return state.get(f"{ADOPTED}{entry.version}.json")
    return tree.blobs.get(MANIFEST) if tree else None


def _decode(raw: bytes | None) -> Manifest | None:
    try:
        return Manifest.decode(raw, "it") if raw is not None else None
    except VerificationError:
        return None


def _small_files(
    clone: Clone, trees: Iterable[GitTree | None], manifests: Iterable[Manifest | None]
) -> Iterator[tuple[int, str]]:
    """List the ordinary files that are not here yet, with the size that their manifests claim."""
    for tree, manifest in zip(trees, manifests, strict=True):
        for path, blob in (tree.blobs if tree and manifest else {}).items():
            if not clone.has(blob) and path not in UNLISTED:
                claimed = manifest.files.get(path) if manifest else None
                yield min(claimed.size, LFS_BYTES) if claimed else 0, blob


def _affordable(wanted: Iterable[tuple[int, str]], budget: int | None) -> Iterator[str]:
    spent = 0
    for size, blob in sorted(set(wanted)):
        spent += size
        if budget is not None and spent > budget:
            return
        yield blob
