"""Measuring how much a healthy run may differ: the model runs again in another kernel, batch form and dtype.

Tolerances are not guessed. What a model's numbers lose in bfloat16 depends on its depth, its width and its experts, so
it is measured on the model itself, when its golden is captured.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hfver.core.log import logger
from hfver.model.runtime.device import import_torch
from hfver.model.smoke.golden.distances import measure
from hfver.model.smoke.golden.forward import Outcome, is_pipeline, run_input
from hfver.model.smoke.golden.record import Input, Noise

__all__ = ["Limit", "coarser", "limit_for", "measure_noise"]

EVERY, MANY = 2, 500
"""Noise is measured on every second input where there are that many positions: it is a mean over hundreds then, too."""
MAX_COPY = 2 * 1024**3
"""Bytes of the weights up to which a copy in another dtype is made; larger models run under autocast instead."""
FACTOR = 10.0
"""How many times its noise a run may be away."""
FLOORS: Mapping[str, float] = {"float64": 5e-5, "float32": 5e-5, "float16": 1e-4, "bfloat16": 1e-3}
"""The limits, by dtype, where the noise of half precision was not measured: ten times the mean KL of eight
architectures on a CPU (4e-6 in float16, which has the digits of a GPU's TF32; 5e-5 in bfloat16), and a margin. The
least visible of 33 broken models had 1e-2."""
LEAST = 1e-7
"""The least limit of all: three times what storing log-probabilities in 16 bits costs."""
COARSENESS = ("float64", "float32", "float16", "bfloat16")


def coarser(one: str, two: str) -> str:
    """Return the dtype of the two that has fewer digits; an unknown one counts as bfloat16."""
    places = [COARSENESS.index(name) if name in COARSENESS else len(COARSENESS) - 1 for name in (one, two)]
    return COARSENESS[max(places)]


def limit_for(noise: Mapping[str, Noise], captured: str, running: str) -> Limit:
    """Return the largest distance that is healthy.

    Args:
        noise: What was measured at capture.
        captured: The dtype of the golden.
        running: The dtype of the model that is compared.
    """
    dtype = coarser(captured, running)
    measured = [noise[name] for name in _half_precision(captured, dtype) if name in noise]
    floor = LEAST if measured else FLOORS[dtype]
    same = [one for name, one in noise.items() if name not in COARSENESS]
    every = [*measured, *same]
    return Limit(
        mean=max(floor, FACTOR * max((one.distance for one in every), default=0.0)),
        p99=max(floor, FACTOR * max((one.p99 for one in every), default=0.0)),
        depths=tuple(max(column) * FACTOR for column in zip(*(one.depths for one in every), strict=False)),
    )


def _half_precision(captured: str, dtype: str) -> tuple[str, ...]:
    """Return the names under which the noise of rounding to a dtype was measured.

    float32 is judged by float16's: that is what a GPU computes with under TF32, and other machines' float32 is better.
    """
    if dtype in ("float32", "float64"):
        return ("float16",)
    return ("float32",) if captured == dtype else (dtype,)


def measure_noise(
    model: Any, kind: str, inputs: Sequence[Input], outcomes: Sequence[Outcome], device: str, dtype: str
) -> dict[str, Noise]:
    """Run the model in other forms on a part of the inputs, and measure the distances.

    A form that the model, the device or the memory does not allow is left out; the floors then apply.

    Args:
        model: The model; it is left as it was.
        kind: The kind of its numbers.
        inputs: The stored inputs.
        outcomes: What the model gave for them.
        device: Where it is.
        dtype: The dtype of its weights.
    """
    if sum(one.positions for one in outcomes) >= MANY:
        inputs, outcomes = inputs[::EVERY], outcomes[::EVERY]
    asked = [one.ids for one in outcomes]

    def run(other: Any, *, copies: int = 1) -> list[Outcome]:
        pairs = zip(inputs, asked, strict=True)
        return [run_input(other, kind, one, device, copies=copies, asked=ids) for one, ids in pairs]

    forms: dict[str, Callable[[], list[Outcome]]] = {"batch": lambda: run(model, copies=2)}
    if not is_pipeline(model):
        forms["kernel"] = lambda: _in_other_kernel(model, run)
    for name in _other_dtypes(dtype):
        forms[name] = lambda name=name: _in_dtype(model, name, device, run)  # type: ignore[misc]
    found: dict[str, Noise] = {}
    for name, form in forms.items():
        after = _attempt(name, form)
        if after and all(one.is_finite and one.shape == two.shape for one, two in zip(after, outcomes, strict=True)):
            found[name] = measure(outcomes, after).noise
    return found


def _attempt(name: str, form: Callable[[], list[Outcome]]) -> list[Outcome]:
    torch = import_torch()
    try:
        return form()
    except (torch.cuda.OutOfMemoryError, MemoryError, Exception) as error:
        logger.debug("The golden's noise of %s was not measured: %s", name, error)
        return []


def _other_dtypes(dtype: str) -> Iterator[str]:
    """Yield the dtypes in which people load such a model as well."""
    yield from (name for name in ("bfloat16", "float16", "float32") if name != dtype and dtype in COARSENESS)


def _in_other_kernel(model: Any, run: Callable[[Any], list[Outcome]]) -> list[Outcome]:
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    before = getattr(inner.config, "_attn_implementation", None)
    other = "sdpa" if before == "eager" else "eager"
    if before is None or not hasattr(inner, "set_attn_implementation"):
        return []
    try:
        inner.set_attn_implementation(other)
        return run(model)
    finally:
        inner.set_attn_implementation(before)


def _in_dtype(model: Any, name: str, device: str, run: Callable[[Any], list[Outcome]]) -> list[Outcome]:
    torch = import_torch()
    dtype = getattr(torch, name)
    size = sum(one.numel() * one.element_size() for one in model.parameters())
    if size <= MAX_COPY:
        return run(copy.deepcopy(model).to(dtype).eval())
    if name == "float32":
        return []
    with _autocast(device, dtype):
        return run(model)


@dataclass(frozen=True)
class Limit:
    """How far a healthy run may be away."""

    mean: float
    p99: float
    depths: tuple[float, ...] = ()


@contextmanager
def _autocast(device: str, dtype: Any) -> Iterator[None]:
    torch = import_torch()
    with torch.autocast(device.partition(":")[0], dtype=dtype):
        yield
