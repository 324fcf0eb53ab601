"""What diffusers saves: the index of a pipeline, the configs of its networks, and schedulers.

Networks and schedulers are compared by what their class holds after loading, read from the source of the installed
diffusers: without the class, by what the files say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.json_values import ABSENT, same_value
from hfver.model.compare.keys import ChangedSetting, KeyRules, changed_settings
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.settings.class_defaults import diffusers_defaults

__all__ = ["owns", "settings"]

_INDEX, _SCHEDULER, _CONFIG = "model_index.json", "scheduler_config.json", "config.json"
_METADATA = ("metadata", r"_diffusers_version|_name_or_path|_commit_hash|_use_default_values|_ignore_files")
_INDEX_DEFAULTS = {"requires_safety_checker": True, "force_zeros_for_empty_prompt": True}
"""Of the pipelines that have these settings; whatever else an index holds is a component or unknown."""

_INDEX_RULES = KeyRules.compile(
    [
        _METADATA,
        # It only decides whether a pipeline without a safety checker warns.
        ("metadata", r"requires_safety_checker"),
        ("denoising", r"force_zeros_for_empty_prompt"),
        ("pipeline", r"_class_name"),
    ]
)
# What a network was trained with, against what only chooses how its noise is removed step by step.
_SCHEDULER_RULES = KeyRules.compile(
    [
        _METADATA,
        ("pipeline", r"_class_name"),
        (
            "noise-schedule",
            r"num_train_timesteps|beta_\w+|trained_betas|prediction_type|rescale_betas_zero_snr|sigma_data"
            r"|variance_type|original_inference_steps|num_vec_classes",
        ),
        (
            "denoising",
            r"timestep_spacing|timestep_scaling|steps_offset|set_alpha_to_one|skip_prk_steps|clip_sample(_range)?|thresholding"
            r"|dynamic_thresholding_ratio|sample_max_value|algorithm_type|solver_\w+|lower_order_final"
            r"|euler_at_final|use_\w+_sigmas|use_lu_lambdas|final_sigmas_type|lambda_min_clipped|interpolation_type"
            r"|shift(_terminal)?|base_shift|max_shift|use_dynamic_shifting|(base|max)_image_seq_len|time_shift_type"
            r"|stochastic_sampling|invert_sigmas|predict_x0|disable_corrector|sigma_(min|max)|sigma_schedule|rho|eta",
        ),
    ]
)
_NETWORK_RULES = KeyRules.compile(
    [
        _METADATA,
        ("architecture", r"_class_name|(down|up|mid)_block_types?|act_fn|norm_\w+"),
        ("quantization", r"quantization_config(\..*)?"),
        ("remote-code", r"(.*\.)?auto_map(\..*)?"),
        ("latent-space", r"scaling_factor|shift_factor|latents_(mean|std)|latent_channels"),
        # A VAE that must not compute in half precision: without the upcast, images may be black.
        ("dtype", r"force_upcast"),
        ("processor", r"sample_(size|width|height|frames)"),
        (
            "dimensions",
            r"(in|out)_channels|block_out_channels|layers_per_block|cross_attention_dim|(num_)?attention_head(_dim|s)"
            r"|num_(single_)?layers|num_attention_heads|joint_attention_dim|pooled_projection_dim|caption_\w+_dim"
            r"|patch_size|inner_dim|transformer_layers_per_block|caption_channels",
        ),
    ]
)


def owns(pair: Pair, path: str) -> bool:
    """Return whether a file is an index, a scheduler's config, or the config of a network of diffusers."""
    name = PurePosixPath(path).name
    if name in (_INDEX, _SCHEDULER):
        return True
    configs = [side.object(path) for side in (pair.before, pair.after)]
    is_diffusers = any("_class_name" in config for config in configs)
    return name == _CONFIG and is_diffusers and not any("model_type" in config for config in configs)


def settings(pair: Pair) -> Iterator[ChangedSetting]:
    """Yield every setting that differs."""
    for path in pair.changed_files:
        if not owns(pair, path):
            continue
        name = PurePosixPath(path).name
        if name == _INDEX:
            yield from _index_settings(pair, path)
        elif name == _SCHEDULER:
            yield from map(_scheduled, _class_settings(pair, path, _SCHEDULER_RULES))
        else:
            yield from _class_settings(pair, path, _NETWORK_RULES)


def _index_settings(pair: Pair, path: str) -> Iterator[ChangedSetting]:
    old, new = (_index(side, path) for side in (pair.before, pair.after))
    for setting in changed_settings(path, old, new, _INDEX_RULES):
        is_component = any(_is_component(value) for value in (setting.before, setting.after))
        yield replace(setting, rule="pipeline") if is_component else setting


def _index(side: ParsedSide, path: str) -> dict[str, Any]:
    """Return an index without the components that are null: a pipeline treats them like absent ones."""
    held = {key: value for key, value in side.object(path).items() if value != [None, None]}
    # A null is what a pipeline takes for an absent setting.
    return _INDEX_DEFAULTS | {key: value for key, value in held.items() if value is not None}


def _is_component(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= 2 and all(isinstance(part, str) for part in value[:2])


def _class_settings(pair: Pair, path: str, rules: KeyRules) -> Iterator[ChangedSetting]:
    given = [side.object(path) for side in (pair.before, pair.after)]
    if not all(given):
        # It was added, removed or cannot be read: a list of all its keys would say nothing more.
        if path not in pair.on_both([path]):
            one, other = (config.get("_class_name", ABSENT) for config in given)
            yield ChangedSetting(path, "_class_name", one, other, rules.rule_of("_class_name"))
        return
    old, new = (_effective(config) for config in given)
    if not same_value(old.get("_class_name"), new.get("_class_name")):
        # Keys that only one of two classes has say nothing beyond the change of the class.
        common = old.keys() & new.keys() | {"_class_name"}
        old, new = ({key: value for key, value in config.items() if key in common} for config in (old, new))
    yield from changed_settings(path, old, new, rules)


def _effective(config: Mapping[str, Any]) -> dict[str, Any]:
    name = config.get("_class_name")
    defaults = diffusers_defaults(name) if isinstance(name, str) else {}
    return {**defaults, **config}


def _scheduled(setting: ChangedSetting) -> ChangedSetting:
    # A variance that is not learned is a choice of the scheduler; one that is comes out of the network.
    is_learned = any("learned" in str(value) for value in (setting.before, setting.after))
    return replace(setting, rule="denoising") if setting.key == "variance_type" and not is_learned else setting
