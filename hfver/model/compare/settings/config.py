"""``config.json``, compared by what its class holds after loading: spelled-out defaults are no changes.

Where the class is not known, not installed or rejects the file, the values in the file are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.json_values import ABSENT, same_value
from hfver.model.compare.keys import UNKNOWN, ChangedSetting, KeyRules, changed_settings
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.sandbox import resolve_configs
from hfver.model.compare.settings.class_defaults import defaults_of
from hfver.model.compare.settings.without_effect import has_no_effect

__all__ = ["normalized_ids", "owns", "plain_config", "settings"]

# The first row that matches a key wins: vocab_size is not a dimension, but type_vocab_size is one. What no row matches
# is metadata if it is in the table of settings without effect.
_RULES = KeyRules.compile(
    [
        ("architecture", r"model_type|architectures|is_decoder|is_encoder_decoder|add_cross_attention"),
        ("tied-embeddings", r"tie_(word|encoder_decoder)_?(embeddings)?|tie_encoder_decoder"),
        ("vocab-size", r"(?!type_)(\w+_)?vocab_size(_\w+)?"),
        ("labels", r"(id2label|label2id)(\..*)?|num_labels|_num_labels"),
        ("task", r"problem_type"),
        ("quantization", r"quantization_config(\..*)?|compression_config(\..*)?"),
        ("dtype", r"dtype"),
        ("remote-code", r"(.*\.)?(auto_map|custom_pipelines)(\..*)?|(.*\.)?_\w+_internal(\..*)?"),
        ("minimum-library", r"min(imum)?_\w+_version|\w+_min_version"),
        (
            "special-ids",
            r"(\w+_)?(bos|eos|pad|sep|cls|mask|unk|decoder_start|forced_bos|forced_eos|image|video|audio)_token_id"
            r"|(forced_decoder_ids|suppress_tokens|begin_suppress_tokens|\w+_token_(id|index))",
        ),
        (
            "context",
            r"max_position_embeddings|n_positions|n_ctx|max_seq(uence)?_len(gth)?|seq_len(gth)?|max_source_positions"
            r"|max_target_positions|model_max_length",
        ),
        (
            "context-cut",
            r"(.*\.)?rope_(parameters|scaling)(\..*)?|rope_theta|rope_local_base_freq|rotary_\w+|partial_rotary_factor"
            r"|original_max_position_embeddings|(use_)?sliding_window(_\w+)?|attention_chunk_size|max_window_layers"
            r"|local_attention",
        ),
        (
            "dimensions",
            r"hidden_size|n_embd|d_model|d_kv|d_ff|dim|hidden_dim|embedding_size|word_embed_proj_dim|ffn_dim|n_inner"
            r"|(num_)?(hidden_|encoder_|decoder_)?layers|num_hidden_layers|n_layers?|num_layers|depths?"
            r"|num_attention_heads|num_key_value_heads|n_heads?|num_heads|num_kv_heads|head_dim|(qk|v)_\w*head_dim"
            r"|(encoder|decoder)_(layers|attention_heads|ffn_dim)|(moe_|shared_expert_|ffn_)?intermediate_size"
            r"|(num|n)_(local_|routed_|shared_)?experts(_per_tok(en)?)?|(q|kv)_lora_rank|projection_dim|patch_size"
            r"|state_size|conv_kernel|expand|type_vocab_size",
        ),
        ("processor", r"image_size|num_channels|num_mel_bins|sampling_rate"),
    ]
)
# A difference in these alone needs no class: nothing is derived from them, and they have no defaults.
_PLAIN = frozenset({"transformers_version", "_name_or_path", "architectures", "dtype", "torch_dtype", "auto_map"})
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_QUANTIZATION = {
    "bitsandbytes": "BitsAndBytesConfig",
    "gptq": "GPTQConfig",
    "awq": "AwqConfig",
    "aqlm": "AqlmConfig",
    "eetq": "EetqConfig",
    "hqq": "HqqConfig",
    "quanto": "QuantoConfig",
    "fp8": "FineGrainedFP8Config",
    "fbgemm_fp8": "FbgemmFp8Config",
    "bitnet": "BitNetQuantConfig",
    "auto-round": "AutoRoundConfig",
    "mxfp4": "Mxfp4Config",
}
# What a class takes for a null, where its source does not say so by a default (BitsAndBytesConfig.__init__).
_SET_WHEN_UNSET = {"bitsandbytes": {"bnb_4bit_compute_dtype": "float32", "bnb_4bit_quant_storage": "uint8"}}
_RENAMED = {"torch_dtype": "dtype"}
_ROPE = ("rope_scaling", "rope_theta", "partial_rotary_factor")


def owns(pair: Pair, path: str) -> bool:
    """Return whether a file is a model's config, and not that of a sentence-transformers module (pooling, dense)."""
    if PurePosixPath(path).name != "config.json":
        return False
    sides = (pair.before, pair.after)
    if any("model_type" in side.object(path) for side in sides):
        return True
    # What diffusers saves has rules of its own.
    if any("_class_name" in side.object(path) for side in sides):
        return False
    return not any("modules.json" in side.files for side in sides) or "/" not in path


def settings(pair: Pair) -> Iterator[ChangedSetting]:
    """Yield every setting that differs, in the configs of all models in the folder."""
    for path in pair.changed_files:
        if owns(pair, path):
            yield from _settings(pair, path)


def _settings(pair: Pair, path: str) -> Iterator[ChangedSetting]:
    given = [side.object(path) for side in (pair.before, pair.after)]
    old, new = (plain_config(side, path) for side in (pair.before, pair.after))
    if not old or not new:
        # The config was added, removed or cannot be read: a list of all its keys would say nothing more.
        if path not in pair.on_both([path]):
            one, other = (config.get("model_type", ABSENT) for config in (old, new))
            yield ChangedSetting(path, "model_type", one, other, "architecture")
        return
    if old.get("model_type") != new.get("model_type"):
        # Keys that only one of two model types has say nothing beyond the change of the type.
        common = old.keys() & new.keys() | {"model_type"}
        old, new = ({key: value for key, value in config.items() if key in common} for config in (old, new))
    elif _needs_class(*given):
        old, new = _effective(pair, path, *given)
    for setting in changed_settings(path, old, new, _RULES):
        known = setting.rule != UNKNOWN or not has_no_effect(setting.key, old, new)
        yield setting if known else replace(setting, rule="metadata")


def _needs_class(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Return whether anything differs of which a config class may make something else."""
    one, other = ({key: value for key, value in config.items() if key not in _PLAIN} for config in (old, new))
    return not same_value(one, other)


def _effective(
    pair: Pair, path: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the config class holds on both sides; what the files say if it is unknown or rejects one."""
    resolved = resolve_configs(old, new)
    if resolved == (old, new):
        return plain_config(pair.before, path), plain_config(pair.after, path)
    one, other = (
        _with_dtype(normalized_config(config), side, path)
        for config, side in zip(resolved, (pair.before, pair.after), strict=True)
    )
    return _without_nulls(one, other), _without_nulls(other, one)


def _without_nulls(config: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Drop nulls that the other side does not have: what the class knows is there on both sides, null or not."""
    return {key: value for key, value in config.items() if value is not None or key in other}


def normalized_quantization(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a quantization config with the defaults of its class; a null in there is "not set"."""
    # bitsandbytes writes these twice.
    given = {key: value for key, value in config.items() if value is not None and not key.startswith("_load_in_")}
    method = given.get("quant_method", "bitsandbytes" if {"load_in_4bit", "load_in_8bit"} & given.keys() else None)
    known = defaults_of(_QUANTIZATION.get(str(method), "")) or {}
    unset = _SET_WHEN_UNSET.get(str(method), {})
    defaults = {key: value for key, value in {**known, **unset}.items() if value is not None}
    return {**defaults, **given, **({"quant_method": method} if method else {})}


def plain_config(side: ParsedSide, path: str) -> dict[str, Any]:
    """Return a config with the names of transformers 5, and with the dtype of the weights if it names none."""
    return _with_dtype(normalized_config(side.object(path)), side, path)


def _with_dtype(config: dict[str, Any], side: ParsedSide, path: str) -> dict[str, Any]:
    if config and "dtype" not in config and (dtype := _stored_dtype(side, path)):
        config["dtype"] = dtype
    # A nested config that names no dtype is loaded with that of the whole.
    return _with_inner_dtype(config, config.get("dtype"))


def _with_inner_dtype(config: dict[str, Any], dtype: Any) -> dict[str, Any]:
    found = dict(config)
    for key, value in config.items():
        if isinstance(value, dict) and key.endswith("_config") and "model_type" in value:
            inner = value if value.get("dtype") is not None or dtype is None else {**value, "dtype": dtype}
            found[key] = _with_inner_dtype(inner, inner.get("dtype"))
    return found


def normalized_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config as transformers 5 would write it, as far as that is possible without its class."""
    result = {_RENAMED.get(key, key): _normalized_value(key, value) for key, value in config.items()}
    if result.get("dtype", ABSENT) is None:
        del result["dtype"]
    # The labels already say how many there are.
    if isinstance(result.get("id2label"), dict):
        result.pop("num_labels", None)
        result.pop("_num_labels", None)
    return _normalized_rope(result)


def _normalized_value(key: str, value: Any) -> Any:
    if key in ("torch_dtype", "dtype") and isinstance(value, str):
        return value.removeprefix("torch.")
    if key.endswith("_token_id"):
        return normalized_ids(value)
    if key == "label2id" and isinstance(value, dict):
        return {str(name): number for name, number in value.items()}
    if key == "quantization_config" and isinstance(value, dict):
        return normalized_quantization(value)
    return normalized_config(value) if isinstance(value, dict) and key.endswith("_config") else value


def normalized_ids(value: Any) -> Any:
    """Return ids so that one id equals a list with that id, and the order of several ids does not matter."""
    if not isinstance(value, list):
        return value
    ids = sorted({item for item in value if isinstance(item, int)})
    # If some items are no integers, the value is kept as it is: nobody knows what they mean.
    return value if len(ids) < len(set(map(str, value))) else ids[0] if len(ids) == 1 else ids


def _normalized_rope(config: dict[str, Any]) -> dict[str, Any]:
    """Move the legacy ``rope_theta`` and ``rope_scaling`` into ``rope_parameters``, as transformers 5 does."""
    if "rope_scaling" not in config and "rope_theta" not in config and "rope_parameters" not in config:
        return config
    # A value that is no object is kept as it is and compared as it is.
    held = config.get("rope_parameters") or config.get("rope_scaling") or {}
    # Nor is one that holds an object for each type of layer: only its class knows what these share.
    if not isinstance(held, dict) or any(isinstance(value, dict) for value in held.values()):
        return config
    rope = dict(held)
    kind = rope.pop("type", None)
    rope.setdefault("rope_type", kind or "default")
    for key in ("rope_theta", "partial_rotary_factor"):
        if config.get(key) is not None:
            rope.setdefault(key, config[key])
    rest = {key: value for key, value in config.items() if key not in _ROPE}
    return rest | {"rope_parameters": rope}


def _stored_dtype(side: ParsedSide, path: str) -> str | None:
    """Return the dtype that a loader uses where the config names none: that of the weights, if all agree."""
    folder = "" if "/" not in path else f"{PurePosixPath(path).parent}/"
    found = {tensor.dtype for name, tensor in side.main_tensors.items() if name.startswith(folder)}
    names = {_DTYPES[dtype] for dtype in found if dtype in _DTYPES}
    return names.pop() if len(names) == 1 else None
