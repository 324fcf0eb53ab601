"""Verifying a release's files on this machine against its manifest, and its manifest against the Hub's ledger."""

from __future__ import annotations

from pathlib import Path

from hfver.core.manifest import MANIFEST, MARK, SIGNATURE, Manifest, digest_of
from hfver.core.progress import Progress, silent
from hfver.core.ref import Ref
from hfver.core.results import Verified
from hfver.core.version import parse_version
from hfver.errors import DigestMismatch, UsageError, VerificationError
from hfver.hub import Hub
from hfver.loading.fetch import Snapshot, fetch_snapshot, files_in
from hfver.model.checkpoint import HashCache
from hfver.registry.release_checks import check_folder, check_links, check_names
from hfver.registry.resolve import locate, warn_if_yanked
from hfver.registry.signing import check_signed
from hfver.registry.signing.enforce import check_folder_signed
from hfver.registry.signing.keys import TrustedSigner
from hfver.registry.state import TrustOptions

__all__ = ["manifest_digest", "manifest_in", "verify_folder", "verify_release"]


def verify_release(
    hub: Hub,
    ref: Ref,
    trust: TrustOptions = TrustOptions(),
    *,
    trusted: TrustedSigner | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Verified:
    """Verify a release on the Hub, and its files in the Hugging Face cache.

    Args:
        hub: The Hub that has the release.
        ref: The reference of the release.
        trust: What must hold for the repo to be trusted.
        trusted: Who must have signed it; None for what the policy says.
        force: Read every byte again, instead of trusting files whose size and times did not change.
        progress: Called with the number of bytes read.

    Raises:
        VerificationError: Something differs.
    """
    pinned = locate(hub, ref, trust)
    warn_if_yanked(pinned.release)
    trusted = check_signed(pinned.repo, pinned.release, trusted, policy=trust.policy, remembered=not force)
    snapshot = fetch_snapshot(pinned, progress=progress)
    where, release = str(pinned.release), pinned.release
    if force:
        check_folder(snapshot.path, snapshot.files, where, cache=None, progress=progress)
    evidence = "ledger" if release.published else "manifest" if release.manifest else "commit"
    names = release.version, release.commit, release.digest
    return _verified(snapshot.path, release.repo, *names, snapshot, evidence, trusted)


def verify_folder(
    hub: Hub | None,
    directory: Path,
    trust: TrustOptions = TrustOptions(),
    *,
    trusted: TrustedSigner | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Verified:
    """Verify a pulled folder against its manifest, and its manifest against the Hub's ledger.

    Args:
        hub: The Hub that has the ledger; None to verify only the folder.
        directory: A folder that ``pull`` filled, or a snapshot in the cache.
        trust: What must hold for the repo to be trusted; only its policy is used.
        trusted: Who must have signed it; None for what the policy says.
        force: Read every byte again, instead of trusting files whose size and times did not change.
        progress: Called with the number of bytes read.

    Raises:
        UsageError: The folder does not contain a release.
        VerificationError: Something differs.
    """
    manifest = manifest_in(directory)
    where = f"{manifest.repo}@{manifest.version} in {directory}"
    digest, commit, evidence = manifest_digest(directory), None, "manifest"
    if hub is not None:
        release = locate(hub, Ref(manifest.repo, parse_version(manifest.version))).release
        if release.digest != digest:
            raise DigestMismatch(
                f"{where}: its manifest has the digest {digest}; the ledger says {release.digest}.",
                "Delete the folder and pull the release again.",
            )
        warn_if_yanked(release)
        commit, evidence = release.commit, "ledger"
    # The signature before the files: it costs little, and without a trusted one nothing else matters.
    trusted = check_folder_signed(directory, manifest, digest, trusted, policy=trust.policy)
    # Before the names: files below a linked folder would count as missing.
    check_links(directory, [*manifest.files, MANIFEST, SIGNATURE], where)
    check_names((path for path in files_in(directory) if path != MARK), manifest.files, where)
    check_folder(directory, manifest.files, where, cache=None if force else HashCache(), progress=progress)
    snapshot = Snapshot(directory, manifest.files)
    return _verified(directory, manifest.repo, manifest.version, commit, digest, snapshot, evidence, trusted)


def manifest_in(directory: Path) -> Manifest:
    """Read the manifest of a pulled folder.

    Raises:
        UsageError: The folder does not contain a release.
        VerificationError: The pull was not finished, or the manifest is invalid.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a folder.", "Name a pulled folder, or a release such as ns/name@1.2.0.")
    if (directory / MARK).exists():
        raise VerificationError(
            f"{directory} is incomplete: a pull was interrupted.",
            "Pull the release again, which continues where it stopped.",
        )
    if not (directory / MANIFEST).is_file():
        raise UsageError(
            f"{directory} does not contain a release: it has no {MANIFEST}.", "Pull one: hfver pull ns/name DIR"
        )
    return Manifest.decode((directory / MANIFEST).read_bytes(), str(directory))


def manifest_digest(directory: Path) -> str:
    """Return the digest of the release in a pulled folder."""
    return digest_of((directory / MANIFEST).read_bytes())


def _verified(
    path: Path,
    repo: str,
    version: str | None,
    commit: str | None,
    digest: str | None,
    snapshot: Snapshot,
    evidence: str,
    trusted: TrustedSigner | None,
) -> Verified:
    total = sum(entry.size for entry in snapshot.files.values())
    signed_by = str(trusted) if trusted else None
    return Verified(path, repo, version, commit, digest, len(snapshot.files), total, evidence, signed_by)
