"""The smoke task of diffusion pipelines: a few steps at the smallest size, by prompt and by seed."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hfver.model.runtime import LoadedModel
from hfver.model.runtime.device import import_torch
from hfver.model.smoke.check import CheckFailed, CheckSkipped, check
from hfver.model.smoke.tasks import TaskResult

STEPS = 2
SEEDS = (20240115, 20240116)
PROMPTS = ("a red house by the sea", "nine blue machines at night")
LATENTS = (8, 16, 32)
"""Sides that are tried, in latents, the smallest first; a UNet of four levels halves eight to one."""
NOISE = 1e-3
"""How much two runs may differ on a GPU, whose kernels need not repeat exactly; images are between 0 and 1."""


def run(loaded: LoadedModel) -> TaskResult:
    """Check that a pipeline denoises, that prompt and seed have an effect, and that a seed repeats."""
    found: dict[str, Any] = {}
    with _undisturbed(loaded.model):
        checks = [
            check("denoises", lambda: _denoises(loaded, found)),
            check("seed-repeats", lambda: _repeats(loaded, found)),
            check("seed-effect", lambda: _seed_effect(loaded, found)),
            check("prompt-effect", lambda: _prompt_effect(loaded, found)),
        ]
    return TaskResult(checks)


def _denoises(loaded: LoadedModel, found: dict[str, Any]) -> str:
    problem: Exception | None = None
    for size in _sizes(loaded.model):
        try:
            image = _run(loaded, size)
        except (ValueError, RuntimeError, IndexError) as error:
            problem = error  # too small for this network, or a size that it does not take
            continue
        _check_image(image)
        found.update(size=size, image=image)
        shape = " x ".join(map(str, image.shape))
        return f"{STEPS} steps gave {shape} values between {image.min():.3f} and {image.max():.3f}."
    raise problem or CheckFailed("The pipeline takes no size.")


def _check_image(image: Any) -> None:
    if not bool(import_torch().isfinite(image).all()):
        raise CheckFailed("The output holds NaN or infinity.")
    if float(image.max()) == float(image.min()):
        raise CheckFailed(f"The output is {float(image.max()):.3f} everywhere.")


def _repeats(loaded: LoadedModel, found: dict[str, Any]) -> str:
    first = _first(found)
    distance = _distance(first, _run(loaded, found["size"]))
    if distance > (0 if loaded.device == "cpu" else NOISE):
        raise CheckFailed(f"The same seed and prompt gave another output: they differ by up to {distance:.4f}.")
    return "The same seed and prompt gave the same output."


def _seed_effect(loaded: LoadedModel, found: dict[str, Any]) -> str:
    distance = _distance(_first(found), _run(loaded, found["size"], seed=SEEDS[1]))
    if distance <= (0 if loaded.device == "cpu" else NOISE):
        raise CheckFailed("Two seeds gave the same output.")
    return f"Two seeds gave outputs that differ by up to {distance:.3f}."


def _prompt_effect(loaded: LoadedModel, found: dict[str, Any]) -> str:
    if "prompt" not in inspect.signature(type(loaded.model).__call__).parameters:
        raise CheckSkipped("The pipeline takes no prompt.")
    distance = _distance(_first(found), _run(loaded, found["size"], prompt=PROMPTS[1]))
    if distance == 0:
        raise CheckFailed("Two prompts gave exactly the same output: the prompt has no effect.")
    return f"Two prompts gave outputs that differ by up to {distance:.3f}."


def _first(found: dict[str, Any]) -> Any:
    if "image" not in found:
        raise CheckSkipped("The pipeline did not run.")
    return found["image"]


def _distance(one: Any, other: Any) -> float:
    if one.shape != other.shape:
        raise CheckFailed(f"The shape changed from {tuple(one.shape)} to {tuple(other.shape)}.")
    return float((one - other).abs().max())


def _sizes(pipeline: Any) -> Iterator[int | None]:
    parameters = inspect.signature(type(pipeline).__call__).parameters
    if "height" in parameters and "width" in parameters:
        scale = int(getattr(pipeline, "vae_scale_factor", 8) or 8)
        yield from (side * scale for side in LATENTS)
    yield None  # the size that the pipeline takes by default


def _run(loaded: LoadedModel, size: int | None, *, prompt: str = PROMPTS[0], seed: int = SEEDS[0]) -> Any:
    """Run the pipeline once, and return its output as a float tensor on the CPU."""
    torch = import_torch()
    pipeline = loaded.model
    image = torch.rand((1, 3, size or 64, size or 64), generator=torch.Generator().manual_seed(SEEDS[0]))
    known = {
        "prompt": prompt,
        "image": image,
        "mask_image": (image[:, :1] > 0.5).float(),
        "height": size,
        "width": size,
        "num_frames": 5,
        "class_labels": [0],
        "batch_size": 1,
        "strength": 1.0,
        "num_inference_steps": STEPS,
        # On the CPU, so that the noise is the same on every device.
        "generator": torch.Generator().manual_seed(seed),
        "output_type": "np",
        # Sizes are taken as they are, not rounded to those that the model was trained with.
        "use_resolution_binning": False,
    }
    parameters = inspect.signature(type(pipeline).__call__).parameters
    given = {name: value for name, value in known.items() if name in parameters and value is not None}
    if "num_images_per_prompt" in parameters or "prompt" in parameters:
        given.pop("batch_size", None)
    output = pipeline(**given)
    first = output[0] if not hasattr(output, "images") else output.images
    return torch.as_tensor(first[0] if isinstance(first, list) else first).float().cpu()


@contextmanager
def _undisturbed(pipeline: Any) -> Iterator[None]:
    """Run without progress bars and without the safety checker, which may blacken what noise resembles."""
    held = getattr(pipeline, "safety_checker", None)
    bars = dict(getattr(pipeline, "_progress_bar_config", {}))
    pipeline.set_progress_bar_config(**{**bars, "disable": True})
    if held is not None:
        pipeline.safety_checker = None
    try:
        yield
    finally:
        pipeline.set_progress_bar_config(**bars)
        if held is not None:
            pipeline.safety_checker = held
