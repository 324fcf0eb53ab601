"""The package of a pinned commit in a lock: everything that proves the commit."""

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
from hfver.hub.cache import cached_file, snapshot_folder
from hfver.loading.base import base_ref, is_loadable
from hfver.loading.fetch import download_files
from hfver.model.checkpoint import HashCache
from hfver.model.lineage.record import Lineage
from hfver.registry.release_checks import check_against_tree, read_verified
from hfver.registry.resolve import Pinned

__all__ = ["base_of", "commit_gone", "package_of"]


def package_of(
    pinned: Pinned,
    *,
    ledger: str | None = None,
    spec: str | None = None,
    base: Package | None = None,
    allow_code: bool = False,
    progress: Progress = silent,
) -> Package:
    """Return the package of a pinned commit, with its files and the datasets that it was trained on.

    Args:
        pinned: The commit.
        ledger: The head of its repo's ledger; None for a commit that hfver did not make.
        spec: The required spec; None for a base, of which only the files that are loaded are recorded.
        base: The package that it is loaded onto.
        allow_code: Whether its Python code may run.
        progress: Called with the number of bytes downloaded.

    Raises:
        VerificationError: It contains what a lock must not contain, such as an unsafe path.
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
    """Return the reference of an adapter's base; None for a full model.

    Raises:
        UsageError: It is an adapter, and its lineage does not pin a base.
    """
    manifest = pinned.release.manifest
    if manifest is None or "adapter_config.json" not in manifest.files:
        return None
    return base_ref(_lineage(pinned).base_model, str(pinned.release))


def _plain_files(pinned: Pinned, *, whole: bool, progress: Progress) -> dict[str, FileEntry]:
    """Hash the files of a commit without a manifest. LFS objects are not downloaded: their id is their SHA-256."""
    release = pinned.release
    listed = pinned.tree if pinned.tree is not None else _tree(pinned)
    _check_paths(listed, release)
    tree = {path: file for path, file in listed.items() if whole or is_loadable(path)}
    # Regular files have to be hashed here: git only knows their SHA-1.
    small = {path: file for path, file in tree.items() if not file.sha256}
    download_files(pinned.repo, release.commit, listed, small, progress)
    folder = snapshot_folder(release.repo, release.commit)
    hashed = check_against_tree(folder, small, str(release), cache=HashCache()) if small else {}
    return hashed | {path: FileEntry(size=one.size, sha256=one.sha256) for path, one in tree.items() if one.sha256}


def _tree(pinned: Pinned) -> Mapping[str, TreeFile]:
    try:
        return pinned.repo.tree(pinned.release.commit)
    except HubNotFound:
        raise commit_gone(str(pinned.repo), pinned.release.commit) from None


def commit_gone(repo: str, commit: str) -> CommitGone:
    """Return the error for a repo that lacks a commit which is required or locked."""
    return CommitGone(
        f"{repo} does not have commit {commit}.",
        "Check the commit. If it was there before, the history of the repo was rewritten: contact its owner.",
    )


def _check_paths(tree: Mapping[str, TreeFile], release: Release) -> None:
    for path in tree:
        try:
            safe_path(path)
        except ValueError as error:
            raise _unlockable(release, str(error)) from None


def _lineage(pinned: Pinned) -> Lineage:
    """Read the lineage of a release: from the cache if it is intact there, otherwise from the Hub."""
    release, manifest = pinned.release, pinned.release.manifest
    if manifest is None or LINEAGE not in manifest.files:
        return Lineage()
    cached = cached_file(release.repo, release.commit, LINEAGE)
    raw = cached.read_bytes() if cached else b""
    if digest_of(raw) != f"sha256:{manifest.files[LINEAGE].sha256}":
        raw = read_verified(pinned.repo, release, manifest, LINEAGE)
    return Lineage.decode(raw, f"{release}: {LINEAGE}")


def _datasets(lineage: Lineage) -> Iterator[LockedDataset]:
    for one in lineage.training.all_datasets:
        yield LockedDataset(name=one.name, source=one.source, revision=one.revision, hash=one.hash)


def _unlockable(release: Release, reason: str) -> VerificationError:
    return VerificationError(f"{release} cannot be locked: {reason}.", f"List its files: hfver show {release}")
