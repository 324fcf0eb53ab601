"""Collect what a git clone shows of each release of a repo, in a handful of fetches."""

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

__all__ = ["ReleaseEvidence", "gather"]

BUDGET = 256 * 1024 * 1024
"""Bytes of ordinary (non-LFS) files that an audit fetches and hashes, smallest first; ``--deep`` fetches them all."""


@dataclass(frozen=True)
class ReleaseEvidence:
    """What git shows of one release.

    Attributes:
        entry: Its entry in the ledger.
        where: Its name in messages.
        tag: Its tag; None if it has none.
        tree: The files of its commit; None if the commit is gone.
        raw: The bytes of its manifest; None if it has none.
        manifest: The parsed manifest; None if there is none or it cannot be parsed.
        files: The files of its commit in the form in which the Hub lists them. A file that was not fetched has no
            size yet.
    """

    entry: Entry
    where: str
    tag: Tag | None
    tree: GitTree | None
    raw: bytes | None
    manifest: Manifest | None
    files: Mapping[str, TreeFile]


def gather(clone: Clone, repo: str, entries: Iterable[Entry], *, everything: bool) -> list[ReleaseEvidence]:
    """Fetch what the clone lacks and collect the evidence of every release.

    Args:
        clone: The clone; missing objects are fetched into it.
        repo: The name of the repo in messages.
        entries: The releases.
        everything: Fetch all ordinary files, regardless of their size.

    Returns:
        The evidence of each release, in the order of ``entries``.
    """
    entries = list(entries)
    clone.fetch(entry.commit for entry in entries)
    trees = {entry.commit: clone.tree(entry.commit) for entry in entries}
    main = clone.tree(clone.branches["main"])
    state = main.blobs if main else {}
    # All manifests in one fetch, then all other small files in a second one.
    blobs = [_manifest_blob(entry, trees[entry.commit], state) for entry in entries]
    clone.fetch(blob for blob in blobs if blob)
    raws = [clone.read(blob) if blob and clone.has(blob) else None for blob in blobs]
    manifests = [_decode(raw) for raw in raws]
    wanted = _small_files(clone, [trees[entry.commit] for entry in entries], manifests)
    clone.fetch(_affordable(wanted, None if everything else BUDGET))
    return [
        ReleaseEvidence(
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
    """Return the blob of a release's manifest: from its commit, or from ``main`` if the release was adopted."""
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
    """List the ordinary files that are not in the clone yet, each with the size that its manifest claims."""
    for tree, manifest in zip(trees, manifests, strict=True):
        for path, blob in (tree.blobs if tree and manifest else {}).items():
            if not clone.has(blob) and path not in UNLISTED:
                claimed = manifest.files.get(path) if manifest else None
                yield min(claimed.size, LFS_BYTES) if claimed else 0, blob


def _affordable(wanted: Iterable[tuple[int, str]], budget: int | None) -> Iterator[str]:
    """Take the smallest files until their sizes exceed the budget; None is no limit."""
    spent = 0
    for size, blob in sorted(set(wanted)):
        spent += size
        if budget is not None and spent > budget:
            return
        yield blob
