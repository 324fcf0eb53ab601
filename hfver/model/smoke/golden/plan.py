"""What a smoke eval does with goldens: which it compares the model with, and whether it captures one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hfver.errors import BadCheckpoint
from hfver.model.runtime import LoadedModel
from hfver.model.smoke.golden.capture import Keep, capture_loaded, write_outputs
from hfver.model.smoke.golden.compare import Layers, compare_golden
from hfver.model.smoke.golden.inputs import rows_of
from hfver.model.smoke.golden.record import FirstOutput, GoldenFiles
from hfver.model.smoke.golden.tokenizers import processing_of

__all__ = ["GoldenPlan", "GoldenResult", "follow"]


@dataclass(frozen=True)
class GoldenPlan:
    """What to do with goldens while a model is examined."""

    own: GoldenFiles | None = None
    """The model's own golden, with which it must agree."""
    other: GoldenFiles | None = None
    """Another release's golden, with which it is compared, to be shown."""
    capture: bool = False
    """Whether to capture a golden if there is none of its own."""
    prompts: tuple[str, ...] = field(default=(), repr=False)
    """The team's own prompts."""
    keep: Keep = "none"
    """What a captured golden holds of them."""
    outputs: bool = False
    """Whether to also let the model continue the prompts of the other golden, for people to read."""


@dataclass(frozen=True)
class GoldenResult:
    """What came of it."""

    own: Layers | None = None
    other: Layers | None = None
    captured: GoldenFiles | None = None
    why_not_captured: str | None = None
    outputs: tuple[FirstOutput, ...] = ()


def follow(plan: GoldenPlan, loaded: LoadedModel) -> GoldenResult:
    """Compare a loaded model with goldens, and capture one, as planned. It must be in eval mode, without gradients."""
    if loaded.network is not loaded.model:
        return GoldenResult(why_not_captured="Pipelines of several networks have none yet.")
    own, other = (_compare(files, loaded) for files in (plan.own, plan.other))
    if not plan.capture or plan.own is not None:
        return GoldenResult(own, other, outputs=tuple(_outputs(plan, loaded)))
    try:
        return GoldenResult(own, other, capture_loaded(loaded, prompts=plan.prompts, keep=plan.keep))
    except BadCheckpoint as error:
        return GoldenResult(own, other, None, error.message)
    except Exception as error:
        # The model is third-party code. What it cannot do here has its checks; without a golden it is still a release.
        return GoldenResult(own, other, None, f"Capturing a golden raised {type(error).__name__}.")


def _compare(files: GoldenFiles | None, loaded: LoadedModel) -> Layers | None:
    if files is None:
        return None
    return compare_golden(files, loaded.model, processing_of(loaded), loaded.device, loaded.dtype)


def _outputs(plan: GoldenPlan, loaded: LoadedModel) -> Iterator[FirstOutput]:
    numbers = plan.other.golden.numbers if plan.other and plan.outputs else None
    if numbers is None:
        return
    rows = rows_of(loaded.model) or 0
    known = [one for one in numbers.inputs if one.ids and max(one.ids) < rows]
    yield from write_outputs(loaded.model, processing_of(loaded), numbers.kind, known, loaded.device)
