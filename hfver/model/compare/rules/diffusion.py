"""Rules on diffusion pipelines: their components, schedulers and latents."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hfver.core.plural import counted
from hfver.core.version import Bump
from hfver.model.compare.json_values import printable
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.rule import Rule, RuleMatch
from hfver.model.compare.settings import report_settings

_LORA = re.compile(r"(.*/)?pytorch_lora_weights[^/]*\.safetensors")
_ENCODER = re.compile(r"(encoder|quant_conv)\..*")

pipeline = Rule(
    "pipeline",
    Bump.MAJOR,
    change="the class of a pipeline changed, or a component was added, removed or has a different class",
    breaks="calls of the pipeline, code that replaces components",
    seen="model_index.json",
    example=(
        "`scheduler` changes from PNDMScheduler to EulerDiscreteScheduler, or `safety_checker` becomes null.",
        "A caller who passes `timesteps` or `eta`, or relies on the filter, gets an error or different behavior.",
    ),
    detect=report_settings("pipeline", "callers that pass arguments for it, or replace it by their own, may fail."),
)

noise_schedule = Rule(
    "noise-schedule",
    Bump.MAJOR,
    change="what the network was trained with: number of timesteps, betas, `prediction_type`, zero terminal SNR",
    breaks="own schedulers, LoRAs, img2img strengths",
    seen="scheduler_config.json",
    example=(
        "`prediction_type` changes from epsilon to v_prediction.",
        "A caller who brings a scheduler of his own, or a LoRA for the old target, gets noise instead of images.",
    ),
    detect=report_settings(
        "noise-schedule", "schedulers that callers bring themselves, and LoRAs for the old one, give noise."
    ),
)

denoising = Rule(
    "denoising",
    Bump.MINOR,
    change="how noise is removed by default: spacing, order and shift of the steps, clipping; guidance of"
    " an empty prompt",
    breaks="variation of images",
    seen="scheduler_config.json, model_index.json",
    example=(
        "`timestep_spacing` changes from leading to trailing.",
        "The same prompt and seed give a different image; calls and other schedulers work as before.",
    ),
    detect=report_settings("denoising", "the same prompt and seed give a different output; calls work as before."),
)


def _latents(pair: Pair) -> Iterable[RuleMatch]:
    yield from report_settings("latent-space", "stored latents, and networks for the old ones, do not fit.")(pair)
    if not (_is_autoencoder(pair.before) and _is_autoencoder(pair.after)):
        return
    names = [name for name in pair.changed_tensors if _ENCODER.fullmatch(name)]
    if names:
        files = tuple(sorted({pair.shared_tensors[name][1].file for name in names}))
        message = f"{counted(len(names), 'tensor')} of the encoder changed: stored latents no longer mean the same."
        yield RuleMatch(f"{files[0]}:{printable(names[0], 240)}", message, files=files)


def _is_autoencoder(side: ParsedSide) -> bool:
    return str(side.object("config.json").get("_class_name")).startswith(("Autoencoder", "VQModel", "AsymmetricAuto"))


latent_space = Rule(
    "latent-space",
    Bump.MAJOR,
    change="a VAE's encoder, scaling factor or shift changed",
    breaks="stored latents, networks that share the VAE",
    seen="config.json, digests",
    example=(
        "`scaling_factor` changes from 0.18215 to 0.13025.",
        "Latents that were cached for training, or come from a different pipeline, decode to washed-out images.",
    ),
    detect=_latents,
)


def _explain_lora(pair: Pair, path: str) -> RuleMatch | None:
    """Explain a LoRA whose tensors are the same: diffusers keeps its scaling (``lora_alpha``) in the header."""
    if not _LORA.fullmatch(path) or path not in pair.before.files or path not in pair.after.files:
        return None
    return RuleMatch(path, "The header changed, which may hold the scaling of the LoRA; its tensors are the same.")


lora_header = Rule(
    "lora-header",
    Bump.MINOR,
    change="the header of a LoRA for diffusers changed, its tensors did not",
    breaks="strength of the LoRA",
    seen="digests",
    example=(
        "`lora_alpha` changes from 8 to 16 in the header of pytorch_lora_weights.safetensors.",
        "The same tensors have twice the effect; loading works as before.",
    ),
    explain=_explain_lora,
)

RULES = (pipeline, noise_schedule, denoising, latent_space, lora_header)
