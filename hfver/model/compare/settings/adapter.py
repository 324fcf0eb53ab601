"""``adapter_config.json``, as PEFT writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.json_values import is_empty
from hfver.model.compare.keys import Setting, Table, differing
from hfver.model.compare.pair import Pair, View

_NAME = "adapter_config.json"

# Defaults of peft 0.21's LoraConfig that are not null, false or empty; other absent keys mean nothing.
_DEFAULTS: dict[str, Any] = {
    "r": 8,
    "lora_alpha": 8,
    "bias": "none",
    "init_lora_weights": True,
    "megatron_core": "megatron.core",
    "qalora_group_size": 16,
}
_SETS = ("target_modules", "modules_to_save", "exclude_modules", "target_parameters", "layers_to_transform")
_RULES = Table.of(
    [
        ("adapter-rank", r"r"),
        (
            "adapter",
            r"peft_type|target_modules|modules_to_save|exclude_modules|target_parameters|layers_to_transform|layers_pattern"
            r"|trainable_token_indices|rank_pattern\..*|rank_pattern|bias|lora_bias|fan_in_fan_out|use_dora|layer_replication"
            r"|num_virtual_tokens|token_dim|task_type|use_qalora|qalora_group_size|alora_invocation_tokens",
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
    """Tell whether a file is the config of an adapter that both sides are."""
    return PurePosixPath(path).name == _NAME and any(pair.of_both([path]))


def settings(pair: Pair) -> Iterator[Setting]:
    """Yield every setting of an adapter that differs; one that comes or goes is another rule's business."""
    for path in pair.of_both(pair.named(_NAME)):
        yield from differing(path, _tidy(pair.before, path), _tidy(pair.after, path), _RULES)


def _tidy(view: View, path: str) -> dict[str, Any]:
    given = view.object(path)
    defaults = _DEFAULTS if given.get("peft_type", "LORA") == "LORA" else {}
    config = defaults | {key: value for key, value in given.items() if not is_empty(value)}
    for key in _SETS:
        if isinstance(config.get(key), list):
            config[key] = sorted(set(map(str, config[key])))
    return config
