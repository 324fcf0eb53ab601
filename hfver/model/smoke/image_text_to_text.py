"""The smoke task of models that continue a text about a picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hfver.core.smoke_report import SmokeCheck
from hfver.model.runtime import LoadedModel
from hfver.model.smoke.made_inputs import Sample, base_model, make_samples
from hfver.model.smoke.recipe import Recipe, run_recipe
from hfver.model.smoke.tasks import TaskResult

RECIPE = Recipe(outputs=("logits",))


def run(loaded: LoadedModel) -> TaskResult:
    """Check the logits for texts with a picture in them, or for texts alone where no picture can be made."""
    result = run_recipe(loaded, replace(RECIPE, samples=_with_image_tokens))
    if result.checks[0].status != "not_judged":
        return result
    without = run_recipe(loaded, replace(RECIPE, samples=_texts_alone))
    reason = f"Only texts without a picture were tried: {result.checks[0].detail}"
    return replace(without, checks=[*without.checks, SmokeCheck(name="picture", status="not_judged", detail=reason)])


def _with_image_tokens(loaded: LoadedModel) -> list[Sample]:
    """Put as many image tokens before each text as the picture has features; the model puts those in their place."""
    torch, samples = _torch(), make_samples(loaded)
    marker = _image_token(base_model(loaded).config)
    if marker is None or not hasattr(base_model(loaded), "get_image_features"):
        return samples
    try:
        count = _count_features(loaded, samples[0])
    except Exception as error:
        raise LookupError(f"its pictures are not plain pixels ({type(error).__name__})") from None
    ready = []
    for sample in samples:
        before = torch.full((1, count), marker, device=loaded.device)
        ids = torch.cat([before, sample.inputs["input_ids"]], dim=1)
        inputs = {**sample.inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
        ready.append(replace(sample, inputs=inputs, ids=ids[0].tolist()))
    return ready


def _count_features(loaded: LoadedModel, sample: Sample) -> int:
    found = base_model(loaded).get_image_features(pixel_values=sample.inputs["pixel_values"])
    values = getattr(found, "pooler_output", None)
    values = found if values is None else values
    parts = list(values) if isinstance(values, (tuple, list)) else [values]
    width = parts[0].shape[-1]
    return sum(part.numel() // width for part in parts)


def _texts_alone(loaded: LoadedModel) -> list[Sample]:
    kept = [sample for sample in make_samples(loaded) if sample.varied in ("", "text")]
    names = ("input_ids", "attention_mask", "decoder_input_ids")
    return [
        replace(sample, inputs={name: value for name, value in sample.inputs.items() if name in names})
        for sample in kept
    ]


def _image_token(config: Any) -> int | None:
    found = (getattr(config, name, None) for name in ("image_token_id", "image_token_index"))
    return next((number for number in found if isinstance(number, int)), None)


def _torch() -> Any:
    import torch

    return torch
