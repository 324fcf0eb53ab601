"""Loading: from a reference to a model in memory that is proven to be that release."""

from __future__ import annotations

from typing import Any

from hfver.core.plural import counted
from hfver.core.progress import Progress, silent
from hfver.core.ref import Ref
from hfver.core.results import Loaded
from hfver.core.smoke_report import SmokeReport
from hfver.errors import BadCheckpoint, SmokeFailed
from hfver.hub import Hub
from hfver.loading.fetch import Snapshot, fetch_snapshot
from hfver.loading.golden import base_of, golden_in
from hfver.model.checkpoint import LOADED_FROM
from hfver.model.runtime import LoadedModel, load_model
from hfver.model.smoke import load_and_examine, run_with_goldens, use_here
from hfver.model.smoke.golden.plan import GoldenPlan
from hfver.model.smoke.golden.record import GoldenFiles
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

    An adapter's base model is loaded at the exact commit that the adapter's lineage pins, and verified as well.

    Args:
        hub: The Hub to load from.
        ref: The release to load.
        trust: The conditions under which the repo is trusted, and the lock.
        device: ``auto`` (CUDA if available), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        dtype: ``auto`` keeps the stored dtype; else a torch dtype's name, such as ``bfloat16``.
        smoke: Run the smoke eval on the loaded model.
        trust_remote_code: Allow the release's own Python code to run.
        progress: Called with the number of bytes done.

    Returns:
        Model, tokenizer or processor, the release, and the smoke report if the smoke eval ran.

    Raises:
        BadCheckpoint: The weights do not fit the architecture, so some would be random numbers.
        SmokeFailed: The smoke eval found the model broken.
        VerificationError: The files are not those that were released.
        HubNotFound: There is no such release.
    """
    pinned = resolve_locked(hub, ref, trust)
    warn_if_yanked(pinned.release)
    snapshot = fetch_snapshot(pinned, progress=progress)
    base = base_of(hub, snapshot, str(pinned.release), trust, progress)
    arguments: dict[str, Any] = {
        "device": device,
        "dtype": dtype,
        "base_directory": base.path if base else None,
        "trust_remote_code": trust_remote_code or code_is_allowed(pinned, trust),
    }
    loaded, report = _examined(snapshot, pinned, arguments) if smoke else (load_model(snapshot.path, **arguments), None)
    # With the smoke eval, its own check of the tensors reports a misfit, together with everything else that is wrong.
    if not loaded.is_complete and not smoke:
        raise BadCheckpoint(f"{pinned.release}: {_misfit(loaded)}", f"For details, run: hfver smoke {pinned.release}")
    _note_release(loaded.model, pinned)
    return Loaded(loaded.model, loaded.tokenizer, loaded.processor, pinned.release, report)


def _examined(snapshot: Snapshot, pinned: Pinned, arguments: dict[str, Any]) -> tuple[LoadedModel, SmokeReport]:
    """Load and examine the model; its tokenizer comes into this process only after it did well in a child process."""
    digest = pinned.release.content_digest
    golden = golden_in(snapshot)
    plan = GoldenPlan(own=golden) if golden else None
    loaded, report = load_and_examine(snapshot.path, content_digest=digest, golden=plan, **arguments)
    if report.status == "failed":
        raise SmokeFailed(f"{pinned.release} failed its smoke eval:{_failures(report)}")
    return use_here(loaded), report


def smoke_release(
    hub: Hub,
    ref: Ref,
    trust: TrustOptions = TrustOptions(),
    *,
    own: GoldenFiles | None = None,
    device: str = "auto",
    dtype: str = "auto",
    trust_remote_code: bool = False,
    progress: Progress = silent,
) -> SmokeReport:
    """Resolve a reference, verify every file of that release, and run the smoke eval on it.

    Its behavior must agree with the golden that was released with it, where there is one.

    Args:
        hub: The Hub to load from.
        ref: The release to run.
        trust: The conditions under which the repo is trusted, and the lock.
        own: A golden to compare with in place of the release's own.
        device: ``auto`` (CUDA if available), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        dtype: ``auto`` keeps the stored dtype; else a torch dtype's name, such as ``bfloat16``.
        trust_remote_code: Allow the release's own Python code to run.
        progress: Called with the number of bytes done.

    Returns:
        The report; a broken model is a report with status ``failed``, not an exception.

    Raises:
        VerificationError: The files are not those that were released.
        HubNotFound: There is no such release.
    """
    pinned: Pinned = resolve_locked(hub, ref, trust)
    warn_if_yanked(pinned.release)
    snapshot = fetch_snapshot(pinned, progress=progress)
    base = base_of(hub, snapshot, str(pinned.release), trust, progress)
    golden = own or golden_in(snapshot)
    report, _ = run_with_goldens(
        snapshot.path,
        GoldenPlan(own=golden) if golden else None,
        device=device,
        dtype=dtype,
        base_directory=base.path if base else None,
        trust_remote_code=trust_remote_code or code_is_allowed(pinned, trust),
        content_digest=pinned.release.content_digest,
    )
    return report


def _note_release(model: Any, pinned: Pinned) -> None:
    """Note on the model's config which release it is, so that what is trained from it can name its base.

    ``save_pretrained`` writes every attribute of a config, and copies of a model keep them; transformers 5 no longer
    writes ``_name_or_path``. A release removes the note from the config that it publishes.
    """
    # A sentence-transformers pipeline has no config: it belongs to the transformer inside.
    configs = [getattr(module, "config", None) for module in (model, *_transformers_in(model))]
    for config in configs:
        if hasattr(config, "save_pretrained"):
            setattr(config, LOADED_FROM, {"repo": pinned.release.repo, "revision": pinned.release.commit})


def _transformers_in(model: Any) -> list[Any]:
    components = getattr(model, "components", None)
    if isinstance(components, dict):  # a diffusers pipeline: the note goes to its text encoders
        return [part for part in components.values() if hasattr(getattr(part, "config", None), "save_pretrained")]
    children = getattr(model, "children", None)
    found = (getattr(child, "auto_model", None) for child in children()) if children else ()
    return [module for module in found if module is not None]


def _misfit(loaded: LoadedModel) -> str:
    kinds = {
        "missing": loaded.missing_keys,
        "of the wrong shape": loaded.mismatched_keys,
        "not used": loaded.unexpected_keys,
    }
    counts = ", ".join(f"{counted(len(keys), 'tensor')} {kind} ({keys[0]} …)" for kind, keys in kinds.items() if keys)
    return f"the weights do not fit the architecture: {counts}."


def _failures(report: SmokeReport) -> str:
    return "".join(f"\n  {check.name}: {check.detail}" for check in report.failures)
