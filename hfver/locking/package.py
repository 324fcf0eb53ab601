"""Describe: everything that proves a pinned commit, written down as a package of a lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from hfver.core.lockfile import LockedDataset, Package
from hfver.core.manifest import LINEAGE, FileEntry, digest_of, safe_path
from hfver.core.progress import Progress, silent
from hfver.core.ref import Ref
from hfver.core.results import Release
from hfver.errors import CommitGone, HubNotFound, VerificationError
from hfver.hub import TreeFile
from hfver.hub.download import cached_file, download, snapshot_folder
from hfver.loading.base import base_ref, is_loadable
from hfver.model.checkpoint import HashCache
from hfver.model.lineage.record import Lineage
from hfver.registry.release_checks import check_against_tree, read_verified
from hfver.registry.resolve import Pinned

__all__ = ["base_of", "describe"]


def describe(
    pinned: Pinned,
    *,
    ledger: str | None = None,
    spec: str | None = None,
    base: Package | None = None,
    allow_code: bool = False,
    progress: Progress = silent,
) -> Package:
    """Write down a pinned commit: its files, and what it was made from.

    Args:
        pinned: The commit.
        ledger: Head of its repo's ledger; None for a commit that hfver did not make.
        spec: What was asked for; None for a base, of which only what is loaded is written down.
        base: The package that it is loaded onto.
        allow_code: Whether its own Python code may run.
        progress: Told the bytes.

    Raises:
        VerificationError: It holds what no lock may hold, such as an unsafe path.
    """
    release = pinned.release
    manifest = release.manifest
    files = manifest.files if manifest else _plain_files(pinned, whole=spec is not None, progress=progress)
    try:
        return Package(
            repo=release.repo,
            hub=pinned.repo.hub.identity,
            spec=spec,
            version=release.version,
            commit=release.commit,
            digest=release.digest,
            ledger=ledger,
            allow_code=allow_code,
            base=base.id if base else None,
            datasets=tuple(_datasets(_lineage(pinned))),
            files=files,
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _unlockable(release, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def base_of(pinned: Pinned) -> Ref | None:
    """Name the commit that a release is loaded onto: an adapter's base. None for a model that stands alone.

    Raises:
        UsageError: It is an adapter, and its lineage pins no base.
    """
    manifest = pinned.release.manifest
    if manifest is None or "adapter_config.json" not in manifest.files:
        return None
    return base_ref(_lineage(pinned).base_model, str(pinned.release))


def _plain_files(pinned: Pinned, *, whole: bool, progress: Progress) -> dict[str, FileEntry]:
    """Hash the files of a commit that has no manifest; large ones have their hash on the Hub, and stay there."""
    release = pinned.release
    listed = pinned.tree if pinned.tree is not None else _tree(pinned)
    _check_paths(listed, release)
    tree = {path: file for path, file in listed.items() if whole or is_loadable(path)}
    small = {path: file for path, file in tree.items() if not file.sha256}
    download(pinned.repo, release.commit, small.values(), progress)
    folder = snapshot_folder(release.repo, release.commit)
    hashed = check_against_tree(folder, small, str(release), cache=HashCache()) if small else {}
    return hashed | {path: FileEntry(size=one.size, sha256=one.sha256) for path, one in tree.items() if one.sha256}


def _tree(pinned: Pinned) -> Mapping[str, TreeFile]:
    try:
        return pinned.repo.tree(pinned.release.commit)
    except HubNotFound:
        raise CommitGone(f"{pinned.release}: no such commit in a repo that answers.", "Ask the repo's owner.") from None


def _check_paths(tree: Mapping[str, TreeFile], release: Release) -> None:
    for path in tree:
        try:
            safe_path(path)
        except ValueError as error:
            raise _unlockable(release, str(error)) from None


def _lineage(pinned: Pinned) -> Lineage:
    """Read the lineage of a release, from the cache where it is there as released."""
    release, manifest = pinned.release, pinned.release.manifest
    if manifest is None or LINEAGE not in manifest.files:
        return Lineage()
    here = cached_file(release.repo, release.commit, LINEAGE)
    raw = here.read_bytes() if here else b""
    if digest_of(raw) != f"sha256:{manifest.files[LINEAGE].sha256}":
        raw = read_verified(pinned.repo, release, manifest, LINEAGE)
    return Lineage.decode(raw, f"{release}: {LINEAGE}")


def _datasets(lineage: Lineage) -> Iterator[LockedDataset]:
    for one in lineage.training.all_datasets:
        yield LockedDataset(name=one.name, source=one.source, revision=one.revision, hash=one.hash)


def _unlockable(release: Release, why: str) -> VerificationError:
    return VerificationError(f"{release} cannot be locked: {why}.", f"See what it holds: hfver show {release}")
