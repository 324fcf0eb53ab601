"""Changes of diffusion pipelines, made by diffusers from what people publish."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hfver.core.version import Bump
from tests.model.compare.pairs.made import MAJOR, MINOR, PATCH, Files, MadePair

_SD: dict[str, Any] = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.30.0",
    "feature_extractor": ["transformers", "CLIPImageProcessor"],
    "requires_safety_checker": True,
    "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
# As runwayml/stable-diffusion-v1-5 has it, written by diffusers 0.6.
_PNDM: dict[str, Any] = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": "0.6.0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
    "clip_sample": False,
}


def _saved(kind: str, **settings: Any) -> dict[str, Any]:
    """Return the config that a class of diffusers writes."""
    import diffusers

    return dict(json.loads(getattr(diffusers, kind)(**settings).to_json_string()))


def _network(kind: str, **settings: Any) -> dict[str, Any]:
    import diffusers
    import torch

    with torch.device("meta"):
        return dict(json.loads(getattr(diffusers, kind)(**settings).to_json_string()))


def _scheduler(kind: str, **settings: Any) -> Files:
    return {"model_index.json": _SD, "scheduler/scheduler_config.json": _saved(kind, **settings)}


def _index(**settings: Any) -> Files:
    return {"model_index.json": {**_SD, **settings}}


def _vae(**settings: Any) -> Files:
    return {"model_index.json": _SD, "vae/config.json": _network("AutoencoderKL", **settings)}


def _unet(**settings: Any) -> Files:
    sizes = {"block_out_channels": (32, 64), "cross_attention_dim": 32, "attention_head_dim": 8, "sample_size": 16}
    blocks = {
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    }
    return {"unet/config.json": _network("UNet2DConditionModel", **{**sizes, **blocks, **settings}), **_index()}


def _without(files: Files, path: str, *keys: str) -> Files:
    return {**files, path: {key: value for key, value in files[path].items() if key not in keys}}


def _with(files: Files, path: str, **settings: Any) -> Files:
    return {**files, path: {**files[path], **settings}}


def _encoder(**settings: Any) -> Files:
    import transformers

    kind: Any = transformers.CLIPTextConfig
    return {"model_index.json": _SD, "text_encoder/config.json": kind(**settings).to_diff_dict() | settings}


def _pair(name: str, level: Bump, before: Callable[[], Files], after: Callable[[], Files], why: str = "") -> MadePair:
    return MadePair(f"diffusion: {name}", "diffusion", level, before, after, why)


def _scheduled(name: str, level: Bump, kind: str, **settings: Any) -> MadePair:
    return _pair(name, level, lambda: _scheduler(kind), lambda: _scheduler(kind, **settings))


_EULER, _DDIM, _FLOW = "EulerDiscreteScheduler", "DDIMScheduler", "FlowMatchEulerDiscreteScheduler"
_S, _T = "scheduler/scheduler_config.json", "text_encoder/config.json"
_V, _U = "vae/config.json", "unet/config.json"

PAIRS = (
    _pair("another version of diffusers", PATCH, _index, lambda: _index(_diffusers_version="0.42.1")),
    _pair("the index names where it was loaded from", PATCH, _index, lambda: _index(_name_or_path="runwayml/sd")),
    _pair("an optional component as null pair", PATCH, _index, lambda: _index(image_encoder=[None, None])),
    _pair("safety checker removed", MAJOR, _index, lambda: _index(safety_checker=[None, None])),
    _pair("image encoder added", MAJOR, _index, lambda: _index(image_encoder=["transformers", "CLIPVisionModel"])),
    _pair("a pipeline of another class", MAJOR, _index, lambda: _index(_class_name="StableDiffusionInpaintPipeline")),
    _pair("another scheduler in the index", MAJOR, _index, lambda: _index(scheduler=["diffusers", _EULER])),
    _pair(
        "no safety checker is required any more",
        PATCH,
        _index,
        lambda: _index(requires_safety_checker=False),
        "the setting only decides about a warning",
    ),
    _pair("an unknown setting of the pipeline", MAJOR, _index, lambda: _index(boundary_ratio=0.9)),
    _pair(
        "empty prompts are encoded",
        MINOR,
        lambda: _index(_class_name="StableDiffusionXLPipeline", force_zeros_for_empty_prompt=True),
        lambda: _index(_class_name="StableDiffusionXLPipeline", force_zeros_for_empty_prompt=False),
    ),
    _pair(
        "pndm saved again by the installed diffusers",
        PATCH,
        lambda: {_S: _PNDM, **_index()},
        lambda: {
            _S: {
                **_saved("PNDMScheduler", **{k: v for k, v in _PNDM.items() if k[0] != "_" and k != "clip_sample"}),
                "clip_sample": False,
            },
            **_index(),
        },
    ),
    _pair(
        "epsilon to velocity",
        MAJOR,
        lambda: _scheduler(_DDIM),
        lambda: _scheduler(_DDIM, prediction_type="v_prediction"),
    ),
    _pair(
        "another beta schedule",
        MAJOR,
        lambda: _scheduler(_DDIM),
        lambda: _scheduler(_DDIM, beta_schedule="scaled_linear"),
    ),
    _scheduled("zero terminal SNR", MAJOR, _DDIM, rescale_betas_zero_snr=True),
    _scheduled("fewer training steps", MAJOR, _DDIM, num_train_timesteps=500),
    _scheduled("trailing steps", MINOR, _DDIM, timestep_spacing="trailing"),
    _scheduled("steps offset", MINOR, _DDIM, steps_offset=1),
    _scheduled("no clipping", MINOR, _DDIM, clip_sample=False),
    _scheduled("karras sigmas", MINOR, _EULER, use_karras_sigmas=True),
    _scheduled("flow: another shift", MINOR, _FLOW, shift=3.0),
    _scheduled("flow: dynamic shifting", MINOR, _FLOW, use_dynamic_shifting=True),
    _pair(
        "flow: defaults left out",
        PATCH,
        lambda: _scheduler(_FLOW),
        lambda: _without(_scheduler(_FLOW), _S, "shift", "base_shift", "stochastic_sampling"),
    ),
    _pair(
        "ddpm: fixed variance",
        MINOR,
        lambda: _scheduler("DDPMScheduler"),
        lambda: _scheduler("DDPMScheduler", variance_type="fixed_large"),
    ),
    _pair(
        "ddpm: learned variance",
        MAJOR,
        lambda: _scheduler("DDPMScheduler"),
        lambda: _scheduler("DDPMScheduler", variance_type="learned_range"),
    ),
    _scheduled("dpm solver of another order", MINOR, "DPMSolverMultistepScheduler", solver_order=3),
    _pair(
        "a setting that no scheduler has",
        MAJOR,
        lambda: _scheduler(_DDIM),
        lambda: _with(_scheduler(_DDIM), _S, my_gamma=2),
    ),
    _pair("another scheduler", MAJOR, lambda: _scheduler(_DDIM), lambda: _scheduler(_EULER)),
    _pair("vae: another scaling", MAJOR, _vae, lambda: _vae(scaling_factor=0.13025)),
    _pair("vae: half precision allowed", MAJOR, _vae, lambda: _vae(force_upcast=False)),
    _pair("vae: more latents", MAJOR, _vae, lambda: _vae(latent_channels=16)),
    _pair(
        "vae: defaults left out",
        PATCH,
        _vae,
        lambda: _without(_vae(), _V, "scaling_factor", "act_fn"),
    ),
    _pair("unet: default size", MAJOR, _unet, lambda: _unet(sample_size=32)),
    _pair("unet: more inputs, for inpainting", MAJOR, _unet, lambda: _unet(in_channels=9)),
    _pair(
        "unet: defaults left out",
        PATCH,
        _unet,
        lambda: _without(_unet(), _U, "freq_shift", "act_fn"),
    ),
    _pair("unet: another cross attention", MAJOR, _unet, lambda: _unet(cross_attention_dim=64)),
    _pair("text encoder: another activation", MAJOR, _encoder, lambda: _encoder(hidden_act="gelu")),
    _pair("text encoder: defaults left out", PATCH, _encoder, lambda: _without(_encoder(), _T, "hidden_act")),
)
