"""``adapter_config.json``, as PEFT writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.json_values import is_empty
from hfver.model.compare.keys import ChangedSetting, KeyRules, changed_settings
from hfver.model.compare.pair import Pair, ParsedSide

_NAME = "adapter_config.json"

# Defaults of peft 0.21's LoraConfig that are not null, false or empty. Other absent keys need none: what is empty is
# dropped below.
_DEFAULTS: dict[str, Any] = {
    "r": 8,
    "lora_alpha": 8,
    "bias": "none",
    "init_lora_weights": True,
    "megatron_core": "megatron.core",
    "qalora_group_size": 16,
}
# Lists whose order and duplicates mean nothing to PEFT.
_SETS = ("target_modules", "modules_to_save", "exclude_modules", "target_parameters", "layers_to_transform")
# How new weights are initialized matters only in training, except where it also changes the base: that is done again
# whenever the adapter is loaded.
_LEAVES_BASE = ("gaussian", "eva", "orthogonal", True, False)
# Dropout only matters in training.
_RULES = KeyRules.compile(
    [
        ("adapter-rank", r"r"),
        (
            "adapter",
            r"peft_type|target_modules|modules_to_save|exclude_modules|target_parameters|layers_to_transform|layers_pattern"
            r"|trainable_token_indices|rank_pattern\..*|rank_pattern|bias|lora_bias|fan_in_fan_out|use_dora|layer_replication"
            r"|num_virtual_tokens|token_dim|task_type|use_qalora|qalora_group_size|alora_invocation_tokens|init_lora_weights",
        ),
        ("adapter-scaling", r"lora_alpha|alpha_pattern(\..*)?|use_rslora|scaling|alpha"),
        ("base-model", r"base_model_name_or_path"),
        ("base-revision", r"revision"),
        ("remote-code", r"auto_mapping(\..*)?"),
        (
            "metadata",
            r"peft_version|inference_mode|lora_dropout|megatron_core|megatron_config(\..*)?|loftq_config(\..*)?"
            r"|(eva|corda|lora_ga)_config(\..*)?|ensure_weight_tying",
        ),
    ]
)


def owns(pair: Pair, path: str) -> bool:
    """Return whether a file is the config of an adapter that exists on both sides."""
    return PurePosixPath(path).name == _NAME and any(pair.on_both([path]))


def settings(pair: Pair) -> Iterator[ChangedSetting]:
    """Yield every setting of an adapter that differs; adapters that are new or gone are left to other rules."""
    for path in pair.on_both(pair.changed_named(_NAME)):
        yield from changed_settings(path, _normalized(pair.before, path), _normalized(pair.after, path), _RULES)


def _normalized(side: ParsedSide, path: str) -> dict[str, Any]:
    """Fill in the defaults and drop what is empty, so that only effective values are compared."""
    given = side.object(path)
    defaults = _DEFAULTS if given.get("peft_type", "LORA") == "LORA" else {}
    config = defaults | {key: value for key, value in given.items() if not is_empty(value)}
    if config.get("init_lora_weights") in _LEAVES_BASE:
        config["init_lora_weights"] = True
    for key in _SETS:
        if isinstance(config.get(key), list):
            config[key] = sorted(set(map(str, config[key])))
    return config
