"""Comparing a model with a golden, layer by layer, so that a difference names its culprit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hfver.model.child import JobRaised
from hfver.model.runtime.device import import_torch
from hfver.model.runtime.library_output import first_line
from hfver.model.runtime.tokenizer_child import TokenizerFailed
from hfver.model.smoke.golden.differences import Layer, compare_forms, compare_words
from hfver.model.smoke.golden.distances import Distance, measure
from hfver.model.smoke.golden.forward import Outcome, run_input
from hfver.model.smoke.golden.inputs import rows_of
from hfver.model.smoke.golden.noise import Limit, coarser, limit_for
from hfver.model.smoke.golden.packing import stored_outcomes
from hfver.model.smoke.golden.record import GoldenFiles
from hfver.model.smoke.golden.tokenizers import Processing, architecture_of

__all__ = ["Layer", "Layers", "compare_golden"]

NEAR = 0.02
"""The share of the largest distance of any depth from which a depth counts as the first one that differs."""
LEAST_DEPTH = {"float64": 1e-4, "float32": 1e-4, "float16": 2e-3, "bfloat16": 2e-2}
"""Relative distances of hidden states that rounding alone explains, by dtype."""


@dataclass(frozen=True)
class Layers:
    """The verdicts over the three layers, and the distance behind the third."""

    words: Layer
    forms: Layer
    numbers: Layer
    distance: Distance | None = None
    limit: float | None = None
    mixture: bool = False
    """Whether the golden is one of a mixture of experts, whose mean a few positions may move."""

    @property
    def named(self) -> tuple[tuple[str, Layer], ...]:
        """The layers with their names, in the order in which a culprit is sought."""
        return (("words", self.words), ("forms", self.forms), ("numbers", self.numbers))

    @property
    def agrees(self) -> bool:
        """Whether no layer differs."""
        return all(layer.status != "failed" for _, layer in self.named)

    @property
    def blame(self) -> str | None:
        """What differs, first of all."""
        found = [layer.blame for _, layer in self.named if layer.blame]
        return ", ".join(dict.fromkeys(found)) or None


def compare_golden(files: GoldenFiles, model: Any, processing: Processing, device: str, dtype: str) -> Layers:
    """Compare a model in memory with a golden. It must be in eval mode, without gradients.

    Args:
        files: The golden.
        model: The model.
        processing: Its tokenizer and processor.
        device: Where the model is.
        dtype: The dtype of its weights.
    """
    golden = files.golden
    words = _guarded("the tokenizer", lambda: compare_words(golden.words, processing))
    forms = _guarded("the chat template", lambda: compare_forms(golden.forms, processing, model))
    try:
        numbers, distance, limit = _numbers(files, model, device, dtype)
    except Exception as error:
        if isinstance(error, _out_of_memory()):
            layer = Layer("not_judged", "The device ran out of memory while the golden was compared.")
            return Layers(words, forms, layer)
        reason = f"The model raised {type(error).__name__} on the golden's inputs: {first_line(error)}"
        return Layers(words, forms, Layer("failed", reason, "the architecture"))
    mixture = golden.numbers is not None and golden.numbers.mixture
    return Layers(words, forms, numbers, distance, limit, mixture)


def _out_of_memory() -> tuple[type[BaseException], ...]:
    return (import_torch().cuda.OutOfMemoryError, MemoryError)


def _guarded(blame: str, work: Any) -> Layer:
    try:
        return work()  # type: ignore[no-any-return]
    except TokenizerFailed as error:
        return Layer("not_judged" if error.earlier else "failed", str(error), None if error.earlier else blame)
    except JobRaised as error:
        if error.library_missing:
            return Layer("not_judged", f"A library is missing: {first_line(error)}")
        return Layer("failed", f"It raised {error.kind}: {first_line(error)}", blame)
    except ImportError as error:
        return Layer("not_judged", f"A library is missing: {first_line(error)}")
    except Exception as error:
        return Layer("failed", f"It raised {type(error).__name__}: {first_line(error)}", blame)


def _numbers(files: GoldenFiles, model: Any, device: str, dtype: str) -> tuple[Layer, Distance | None, float | None]:
    golden, numbers = files.golden, files.golden.numbers
    if numbers is None:
        why = golden.why_no_numbers or "The model was not run when the golden was captured."
        return Layer("skipped", why), None, None
    if misfit := _misfit(files, model):
        return Layer("failed", misfit, "the architecture"), None, None
    try:
        before = stored_outcomes(files)
    except (ValueError, IndexError, TypeError):
        return Layer("failed", "The golden's stored numbers do not fit its inputs.", "the golden"), None, None
    asked = [one.ids for one in before]
    after = [
        run_input(model, numbers.kind, one, device, asked=ids) for one, ids in zip(numbers.inputs, asked, strict=True)
    ]
    limit = limit_for(numbers.noise, golden.dtype, dtype)
    broken = [one for one in after if not one.is_finite]
    if broken:
        where = broken[0].first_broken
        detail = f"The model returns NaN or infinity for {len(broken)} of {len(after)} stored inputs."
        return Layer("failed", detail, _from(where) if where else "the weights"), None, limit.mean
    if any(one.shape != two.shape for one, two in zip(before, after, strict=True)):
        return Layer("failed", "The model's output has a different shape than in the golden.", "the head"), None, None
    measured = measure(before, after, [one.origin for one in numbers.inputs])
    distance = replace(measured, loss_before=numbers.loss)
    layer = _judge(distance, limit, numbers.mixture, coarser(golden.dtype, dtype), after)
    return layer, distance, limit.mean


def _misfit(files: GoldenFiles, model: Any) -> str | None:
    """Return why the stored inputs cannot be given to the model: ids beyond its embedding crash a GPU."""
    golden, numbers = files.golden, files.golden.numbers
    rows = rows_of(model)
    ids = [number for one in (numbers.inputs if numbers else ()) for number in (*one.ids, *one.decoder)]
    if architecture_of(model) != golden.architecture:
        return f"The golden is one of {golden.architecture}, and this model is {architecture_of(model)}."
    if ids and (rows is None or max(ids) >= rows):
        return f"The golden has ids up to {max(ids)}, and the model's embedding has {rows} rows."
    return None


def _judge(distance: Distance, limit: Limit, mixture: bool, dtype: str, after: Sequence[Outcome]) -> Layer:
    unit = "mean KL" if distance.agreement is not None else "mean distance"
    said = f"{unit} {distance.mean:.1e}, limit {limit.mean:.1e}"
    if distance.agreement is not None:
        said += f"; the most likely token is the same at {distance.agreement:.1%} of the positions"
    # A single position of a mixture of experts may choose another expert: that moves the mean, not most positions.
    if distance.mean <= limit.mean or (mixture and distance.p99 <= limit.p99):
        return Layer("passed", f"As in the golden: {said}.")
    blame = _culprit(distance, limit, dtype, after[0].depths if after else ())
    return Layer("failed", f"The model computes something else than when the golden was captured: {said}.", blame)


def _culprit(distance: Distance, limit: Limit, dtype: str, names: Sequence[str]) -> str:
    """Name the first depth at which the hidden state differs; the head if none does."""
    found = distance.depths
    if not found or len(found) != len(names):
        return "the weights"
    largest = max(found)
    for number, (name, apart) in enumerate(zip(names, found, strict=True)):
        known = limit.depths[number] if number < len(limit.depths) else 0.0
        if apart > max(known, LEAST_DEPTH[dtype]) and apart >= NEAR * largest:
            return _from(name)
    return "the head"


def _from(name: str) -> str:
    if name.endswith("embedding"):
        return f"the {name}"
    return f"weights from {name} on"
