"""``generation_config.json``: how text is sampled, and which token ids end it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.keys import UNKNOWN, ChangedSetting, KeyRules, changed_settings
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.settings.config import normalized_ids
from hfver.model.compare.settings.without_effect import has_no_effect_on_generation

_NAME, _CONFIG = "generation_config.json", "config.json"
_DECODERS = ("decoder", "generator", "text_config")
"""Nested configs that a model's generation settings may be in; the first that there is counts."""
_EXTRA_OUTPUTS = ("output_attentions", "output_hidden_states", "output_scores", "output_logits")

# The defaults of transformers 5.23, from GenerationConfig._get_default_generation_params().
_DEFAULTS: dict[str, Any] = {
    "max_length": 20,
    "min_length": 0,
    "do_sample": False,
    "use_cache": True,
    "early_stopping": False,
    "num_beams": 1,
    "temperature": 1.0,
    "top_k": 50,
    "top_p": 1.0,
    "typical_p": 1.0,
    "repetition_penalty": 1.0,
    "length_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "num_return_sequences": 1,
    "output_scores": False,
    "return_dict_in_generate": False,
    "remove_invalid_values": False,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
    "encoder_repetition_penalty": 1.0,
    "num_assistant_tokens": 20,
    "num_assistant_tokens_schedule": "constant",
    "assistant_confidence_threshold": 0.4,
    "assistant_lookbehind": 10,
    "target_lookbehind": 10,
    "num_beam_groups": 1,
    "diversity_penalty": 0.0,
}
# Every config class of transformers 5.23 passes these on, except use_cache, which it keeps too.
_PASSED_ON = frozenset(
    {
        *(_DEFAULTS.keys() - {"use_cache"}),
        *("bad_words_ids", "forced_bos_token_id", "forced_eos_token_id", "exponential_decay_length_penalty"),
        *("suppress_tokens", "begin_suppress_tokens"),
    }
)
# Everything that GenerationConfig of transformers 5.23 knows.
_FIELDS = _PASSED_ON | {
    *("use_cache", "max_new_tokens", "min_new_tokens", "max_time", "stop_strings", "use_mtp", "cache_implementation"),
    *("cache_config", "max_cache_len", "min_p", "top_h", "renormalize_logits", "sequence_bias", "token_healing"),
    *("guidance_scale", "watermarking_config", "output_attentions", "output_hidden_states", "output_logits"),
    *("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id", "is_assistant", "low_memory"),
    *("prompt_lookup_num_tokens", "max_matching_ngram_size", "assistant_early_exit", "assistant_ensemble_weight"),
    *("speculation_type", "compile_config", "disable_compile", "continuous_batching_config", "penalty_alpha"),
    *("dola_layers", "constraints", "force_words_ids", "prefill_chunk_size"),
}
# Settings that end or forbid text are special ids. What no row matches is metadata if it is in the table of settings
# without effect.
_RULES = KeyRules.compile(
    [
        (
            "special-ids",
            r"\w+_token_id|stop_strings|forced_decoder_ids|suppress_tokens|begin_suppress_tokens|bad_words_ids"
            r"|force_words_ids|eos_token_ids?|stop_token_ids|no_timestamps_token_id|lang_to_id(\..*)?|task_to_id(\..*)?",
        ),
        (
            "sampling",
            r"temperature|(top|min|typical)_[pkh]|do_sample|\w*(penalty|penalty_alpha|cutoff)|num_\w*beams?|num_beam_groups"
            r"|(max|min)_(new_tokens|length|time)|early_stopping|\w*ngram_size|num_return_sequences|guidance_scale"
            r"|\w*length_penalty|renormalize_logits|sequence_bias(\..*)?|watermarking_config(\..*)?|dola_layers"
            r"|token_healing|exponential_decay_length_penalty|diversity_penalty|remove_invalid_values",
        ),
    ]
)


def owns(_pair: Pair, path: str) -> bool:
    """Return whether a file holds generation defaults."""
    return PurePosixPath(path).name == _NAME


def settings(pair: Pair) -> Iterator[ChangedSetting]:
    """Yield every generation default that differs, whichever file a loader takes it from."""
    for folder in sorted({str(PurePosixPath(path).parent) for path in pair.changed_named(_NAME, _CONFIG)}):
        path = str(PurePosixPath(folder) / _NAME)
        old, new = _effective(pair.before, path), _effective(pair.after, path)
        if path not in pair.before.files and path not in pair.after.files:
            # The model's config is the only source on both sides, and is compared itself but for what it passes on.
            path = str(PurePosixPath(folder) / _CONFIG)
            old, new = ({key: value for key, value in held.items() if key in _PASSED_ON} for held in (old, new))
        for setting in changed_settings(path, old, new, _RULES):
            known = setting.rule != UNKNOWN or not has_no_effect_on_generation(setting.key)
            yield setting if known else replace(setting, rule="metadata")


def _effective(side: ParsedSide, path: str) -> dict[str, Any]:
    """Return what ``generate`` works with: defaults included, null being "not set" to transformers."""
    given = side.object(path) if path in side.files else _from_model(side, path)
    known = {key: normalized_ids(value) if "token_id" in key else value for key, value in given.items()}
    if known.get("cache_implementation") == "hybrid":
        # What models with sliding windows once needed; transformers 5 takes it for "not set".
        known["cache_implementation"] = None
    merged = _DEFAULTS | {key: value for key, value in known.items() if value is not None}
    return {key: value for key, value in merged.items() if value is not None}


def _from_model(side: ParsedSide, path: str) -> dict[str, Any]:
    """Return what transformers takes from the model's config without a file (GenerationConfig.from_model_config)."""
    config = side.object(str(PurePosixPath(path).with_name(_CONFIG)))
    inner: dict[str, Any] = next(
        (config[key] for key in _DECODERS if isinstance(config.get(key), dict) and config[key]), {}
    )
    found = {key: value for key, value in config.items() if key in _FIELDS and value is not None}
    found |= {key: value for key, value in inner.items() if key in _FIELDS and key not in found and value is not None}
    if any(found.get(key) for key in _EXTRA_OUTPUTS):
        found.setdefault("return_dict_in_generate", True)
    return found
