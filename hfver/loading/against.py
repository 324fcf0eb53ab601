"""Two releases side by side: how the behavior of one differs from that of the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hfver.core.progress import Progress, silent
from hfver.core.ref import Ref
from hfver.core.smoke_report import GoldenComparison, SmokeReport
from hfver.hub import Hub
from hfver.loading.fetch import fetch_snapshot
from hfver.loading.golden import base_of, capture_release, golden_in
from hfver.model.smoke import run_with_goldens
from hfver.model.smoke.golden.compare import Layers
from hfver.model.smoke.golden.plan import GoldenPlan
from hfver.model.smoke.golden.record import FirstOutput, GoldenFiles
from hfver.model.smoke.golden.report import comparison_of
from hfver.registry.resolve import warn_if_yanked
from hfver.registry.resolve_locked import code_is_allowed, resolve_locked
from hfver.registry.state import TrustOptions

__all__ = ["SideBySide", "compare_releases"]


@dataclass(frozen=True)
class SideBySide:
    """A release's smoke report, and how it differs from another release.

    Attributes:
        release: The release that ran.
        other: The release that it was compared with.
        report: Its smoke report.
        layers: The comparison; None if the model could not be run.
        source: Whether the other release's golden was captured from ``memory`` or a ``folder``.
        outputs: What each of the two writes after the same prompts: prompt, this one's text, the other's.
    """

    release: str
    other: str
    report: SmokeReport
    layers: Layers | None = None
    source: str = "folder"
    outputs: tuple[tuple[str, str, str], ...] = ()

    @property
    def comparison(self) -> GoldenComparison | None:
        """The comparison in the form of a report."""
        return comparison_of(self.layers, self.source) if self.layers else None

    @property
    def facts(self) -> dict[str, Any]:
        """The measured distance: mean and 99th percentile, agreement, losses, and each depth's distance."""
        found = self.layers.distance if self.layers else None
        if found is None:
            return {}
        return {
            "kl": found.mean,
            "p99": found.p99,
            "agreement": found.agreement,
            "loss": found.loss_after,
            "loss_of_other": found.loss_before,
        }

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of ``hfver smoke REF --against REF2``: the report, with ``against`` beside it."""
        compared = self.comparison
        against = {
            "release": self.other,
            "comparison": compared.model_dump(mode="json") if compared else None,
            **self.facts,
            "details": {name: layer.detail for name, layer in self.layers.named} if self.layers else {},
            "outputs": [{"prompt": prompt, "text": text, "other": other} for prompt, text, other in self.outputs],
        }
        return {**self.report.model_dump(mode="json"), "against": against}


def compare_releases(
    hub: Hub,
    ref: Ref,
    other: Ref,
    trust: TrustOptions = TrustOptions(),
    *,
    device: str = "auto",
    dtype: str = "auto",
    trust_remote_code: bool = False,
    progress: Progress = silent,
) -> SideBySide:
    """Run one release, and compare its behavior with another's.

    The other release's golden is used; of one without, the model is loaded and a golden captured first.

    Args:
        hub: The Hub to load from.
        ref: The release to run.
        other: The release to compare it with.
        trust: The conditions under which the repos are trusted, and the lock.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        dtype: ``auto`` keeps the stored dtype; else a torch dtype's name.
        trust_remote_code: Allow the releases' own Python code to run.
        progress: Called with the number of bytes done.

    Raises:
        BadCheckpoint: The other release's model is broken.
        VerificationError: The files are not those that were released.
        HubNotFound: There is no such release.
    """
    options: dict[str, Any] = {"device": device, "dtype": dtype}
    second = resolve_locked(hub, other, trust)
    theirs = golden_in(fetch_snapshot(second, progress=progress)) or capture_release(
        hub, other, trust, trust_remote_code=trust_remote_code, progress=progress, **options
    )
    pinned = resolve_locked(hub, ref, trust)
    warn_if_yanked(pinned.release)
    snapshot = fetch_snapshot(pinned, progress=progress)
    base = base_of(hub, snapshot, str(pinned.release), trust, progress)
    report, result = run_with_goldens(
        snapshot.path,
        GoldenPlan(own=golden_in(snapshot), other=theirs, outputs=True),
        base_directory=base.path if base else None,
        trust_remote_code=trust_remote_code or code_is_allowed(pinned, trust),
        content_digest=pinned.release.content_digest,
        **options,
    )
    return SideBySide(
        str(pinned.release),
        str(second.release),
        report,
        result.other if result else None,
        theirs.source,
        tuple(_columns(result.outputs if result else (), theirs)),
    )


def _columns(ours: tuple[FirstOutput, ...], theirs: GoldenFiles) -> list[tuple[str, str, str]]:
    known = {one.prompt: one.text for one in theirs.golden.outputs}
    return [(one.prompt, one.text, known[one.prompt]) for one in ours if one.prompt in known]
