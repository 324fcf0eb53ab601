"""Load: from a reference to a model in memory that is proven to be that release."""

from __future__ import annotations

from hfver.core.manifest import LINEAGE
from hfver.core.progress import Progress, silent
from hfver.core.ref import Ref
from hfver.core.results import Loaded
from hfver.core.smoke_report import SmokeReport
from hfver.errors import BadCheckpoint, SmokeFailed
from hfver.hub import Hub
from hfver.loading.base import fetch_base
from hfver.loading.fetch import Snapshot, fetch_snapshot
from hfver.model.lineage.record import Lineage
from hfver.model.runtime import OpenModel, open_model
from hfver.model.smoke import examine, run_smoke
from hfver.registry.resolve import Pinned, warn_if_yanked
from hfver.registry.resolve_locked import code_is_allowed, resolve_locked
from hfver.registry.state import TrustOptions

__all__ = ["load", "smoke_release"]


def load(
    hub: Hub,
    ref: Ref,
    trust: TrustOptions = TrustOptions(),
    *,
    device: str = "auto",
    dtype: str = "auto",
    smoke: bool = False,
    trust_remote_code: bool = False,
    progress: Progress = silent,
) -> Loaded:
    """Resolve a reference, verify every file of that release, and only then build the model.

    An adapter's base is loaded at the exact commit that its lineage pins, verified as well.

    Args:
        hub: Where from.
        ref: Which release.
        trust: What must hold for the repo to be believed.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda`` or ``cuda:N``.
        dtype: ``auto`` keeps the stored one; else a torch dtype's name, such as ``bfloat16``.
        smoke: Run the smoke eval on the loaded model.
        trust_remote_code: Allow the release's own Python code to run.
        progress: Told the bytes.

    Raises:
        BadCheckpoint: The weights do not fit the architecture: some would be left at random.
        SmokeFailed: The smoke eval found the model broken.
        VerificationError: Something is not what was released.
        HubNotFound: There is no such release.
    """
    pinned = resolve_locked(hub, ref, trust)
    warn_if_yanked(pinned.release)
    snapshot = fetch_snapshot(pinned, progress=progress)
    base = _base_of(hub, snapshot, str(pinned.release), trust, progress)
    opened = open_model(
        snapshot.path,
        device=device,
        dtype=dtype,
        base_directory=base.path if base else None,
        trust_remote_code=trust_remote_code or code_is_allowed(pinned, trust),
    )
    if not opened.whole and not smoke:
        raise BadCheckpoint(f"{pinned.release}: {_misfit(opened)}", f"See what is wrong: hfver smoke {pinned.release}")
    report = examine(opened, content_digest=pinned.release.content_digest) if smoke else None
    if report is not None and report.status == "failed":
        raise SmokeFailed(f"{pinned.release} does not run as it should:{_failures(report)}")
    return Loaded(opened.model, opened.tokenizer, opened.processor, pinned.release, report)


def smoke_release(
    hub: Hub,
    ref: Ref,
    trust: TrustOptions = TrustOptions(),
    *,
    device: str = "auto",
    dtype: str = "auto",
    trust_remote_code: bool = False,
    progress: Progress = silent,
) -> SmokeReport:
    """Run the smoke eval on exactly the release that a reference means.

    Raises:
        VerificationError: Something is not what was released.
        HubNotFound: There is no such release.
    """
    pinned: Pinned = resolve_locked(hub, ref, trust)
    warn_if_yanked(pinned.release)
    snapshot = fetch_snapshot(pinned, progress=progress)
    base = _base_of(hub, snapshot, str(pinned.release), trust, progress)
    return run_smoke(
        snapshot.path,
        device=device,
        dtype=dtype,
        base_directory=base.path if base else None,
        trust_remote_code=trust_remote_code or code_is_allowed(pinned, trust),
        content_digest=pinned.release.content_digest,
    )


def _base_of(hub: Hub, snapshot: Snapshot, where: str, trust: TrustOptions, progress: Progress) -> Snapshot | None:
    if "adapter_config.json" not in snapshot.files:
        return None
    record = snapshot.path / LINEAGE
    lineage = Lineage.decode(record.read_bytes(), f"{where}: {LINEAGE}") if record.is_file() else Lineage()
    return fetch_base(hub, lineage.base_model, where, lock=trust.lock, progress=progress)


def _misfit(opened: OpenModel) -> str:
    kinds = {
        "missing": opened.missing_keys,
        "of another shape": opened.mismatched_keys,
        "unused": opened.unexpected_keys,
    }
    counts = ", ".join(f"{len(keys)} {kind} ({keys[0]} …)" for kind, keys in kinds.items() if keys)
    return f"its weights do not fit its architecture: tensors {counts or 'not all used'}."


def _failures(report: SmokeReport) -> str:
    return "".join(f"\n  {check.name}: {check.detail}" for check in report.failures)
