"""Goldens of folders and releases: loading one and capturing how it behaves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hfver.core.manifest import LINEAGE, MANIFEST, Manifest, is_content
from hfver.core.progress import Progress, silent
from hfver.core.ref import Ref
from hfver.core.repo_paths import GOLDEN
from hfver.core.smoke_report import SmokeReport
from hfver.errors import BadCheckpoint, VerificationError
from hfver.hub import Hub
from hfver.loading.base import fetch_base
from hfver.loading.fetch import Snapshot, fetch_snapshot
from hfver.model.checkpoint import HashCache, hash_files
from hfver.model.lineage.record import Lineage
from hfver.model.smoke import run_with_goldens
from hfver.model.smoke.golden.capture import Keep
from hfver.model.smoke.golden.plan import GoldenPlan
from hfver.model.smoke.golden.record import GoldenFiles, find_golden
from hfver.registry.resolve_locked import code_is_allowed, resolve_locked
from hfver.registry.state import TrustOptions

__all__ = ["base_of", "capture_folder", "capture_release", "captured_in", "golden_in", "smoke_folder"]


def golden_in(snapshot: Snapshot) -> GoldenFiles | None:
    """Read the golden among a snapshot's verified files; None if there is none.

    Raises:
        VerificationError: It is malformed, or of a newer version of hfver.
    """
    return find_golden(snapshot.path) if GOLDEN in snapshot.files else None


def captured_in(folder: Path) -> GoldenFiles | None:
    """Read the golden that was captured for a folder. One that came with a pulled release is not about this folder.

    Raises:
        VerificationError: It is malformed, or of a newer version of hfver.
    """
    return None if _listed(folder) else find_golden(folder)


def _listed(folder: Path) -> Manifest | None:
    """Return the manifest of a pulled folder, if it lists the folder's golden as it is."""
    if not (folder / GOLDEN).is_file() or not (folder / MANIFEST).is_file():
        return None
    try:
        manifest = Manifest.decode((folder / MANIFEST).read_bytes(), str(folder))
    except VerificationError:
        return None
    listed = manifest.files.get(GOLDEN)
    if listed is None or hash_files({GOLDEN: folder / GOLDEN})[GOLDEN] != listed:
        return None
    return manifest


def smoke_folder(folder: Path, own: GoldenFiles | None = None, **options: Any) -> SmokeReport:
    """Run the smoke eval on a folder, and compare it with its golden.

    A pulled folder is compared with the release's golden as long as its files are those of the release.

    Args:
        folder: A checkpoint folder.
        own: A golden to compare with in place of the folder's own.
        options: The arguments of `run_smoke`.

    Raises:
        VerificationError: The folder's golden is malformed.
    """
    manifest = _listed(folder) if own is None else None
    if own is None and (manifest is None or _is_unchanged(folder, manifest)):
        own = find_golden(folder)
    report, _ = run_with_goldens(folder, GoldenPlan(own=own) if own else None, **options)
    return report


def _is_unchanged(folder: Path, manifest: Manifest) -> bool:
    files = {path: entry for path, entry in manifest.files.items() if is_content(path)}
    if not all((folder / path).is_file() for path in files):
        return False
    return hash_files({path: folder / path for path in files}, cache=HashCache()) == files


def capture_folder(
    folder: Path,
    *,
    base: Path | None = None,
    device: str = "auto",
    dtype: str = "auto",
    trust_remote_code: bool = False,
    prompts: Sequence[str] = (),
    keep: Keep = "none",
) -> GoldenFiles:
    """Load a folder and capture how its model behaves.

    Args:
        folder: A checkpoint folder.
        base: The base model's folder, for an adapter.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        dtype: ``auto`` keeps the stored dtype; else a torch dtype's name.
        trust_remote_code: Whether code that the folder contains or names may run.
        prompts: The team's own prompts.
        keep: What the golden holds of them.

    Raises:
        BadCheckpoint: The folder cannot be loaded, or its model is broken.
    """
    report, result = run_with_goldens(
        folder,
        GoldenPlan(capture=True, prompts=tuple(prompts), keep=keep),
        device=device,
        dtype=dtype,
        base_directory=base,
        trust_remote_code=trust_remote_code,
    )
    if result is None or result.captured is None:
        why = result.why_not_captured if result else None
        reasons = "; ".join(f"{check.name}: {check.detail}" for check in report.failures)
        raise BadCheckpoint(
            f"{folder}: no golden was captured. {why or reasons}", f"For details, run: hfver smoke {folder}"
        )
    return result.captured


def capture_release(
    hub: Hub,
    ref: Ref,
    trust: TrustOptions = TrustOptions(),
    *,
    device: str = "auto",
    dtype: str = "auto",
    trust_remote_code: bool = False,
    prompts: Sequence[str] = (),
    keep: Keep = "none",
    progress: Progress = silent,
) -> GoldenFiles:
    """Resolve a reference, verify every file of that release, and capture how its model behaves.

    Raises:
        BadCheckpoint: Its model is broken.
        VerificationError: The files are not those that were released.
        HubNotFound: There is no such release.
    """
    pinned = resolve_locked(hub, ref, trust)
    snapshot = fetch_snapshot(pinned, progress=progress)
    base = base_of(hub, snapshot, str(pinned.release), trust, progress)
    return capture_folder(
        snapshot.path,
        base=base.path if base else None,
        device=device,
        dtype=dtype,
        trust_remote_code=trust_remote_code or code_is_allowed(pinned, trust),
        prompts=prompts,
        keep=keep,
    )


def base_of(hub: Hub, snapshot: Snapshot, where: str, trust: TrustOptions, progress: Progress) -> Snapshot | None:
    """Fetch the base of an adapter release, at the commit that its lineage pins; None for a complete model."""
    if "adapter_config.json" not in snapshot.files:
        return None
    record = snapshot.path / LINEAGE
    lineage = Lineage.decode(record.read_bytes(), f"{where}: {LINEAGE}") if record.is_file() else Lineage()
    return fetch_base(hub, lineage.base_model, where, lock=trust.lock, progress=progress)
