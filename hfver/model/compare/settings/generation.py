"""``generation_config.json``: how text is sampled, and which token ids end it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.keys import ChangedSetting, KeyRules, changed_settings
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.settings.config import normalized_ids, plain_config

_NAME = "generation_config.json"
_IDS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")

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
# Settings that end or forbid text are special ids; those that only make generation faster are metadata.
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
        (
            "metadata",
            r"_from_model_config|transformers_version|use_cache|cache_\w+(\..*)?|max_cache_len|output_\w+"
            r"|return_dict_in_generate|compile_config(\..*)?|disable_compile|continuous_batching_config(\..*)?"
            r"|\w*assistant\w*|prompt_lookup_num_tokens|max_matching_ngram_size|target_lookbehind|low_memory"
            r"|prefill_chunk_size|use_mtp|speculation_type",
        ),
    ]
)


def owns(_pair: Pair, path: str) -> bool:
    """Return whether a file holds generation defaults."""
    return PurePosixPath(path).name == _NAME


def settings(pair: Pair) -> Iterator[ChangedSetting]:
    """Yield every generation default that differs."""
    for path in pair.changed_named(_NAME):
        yield from changed_settings(path, _effective(pair.before, path), _effective(pair.after, path), _RULES)


def _effective(side: ParsedSide, path: str) -> dict[str, Any]:
    """Fill in the defaults; without the file, transformers takes the ids from the model's config."""
    given = side.object(path)
    config = plain_config(side, str(PurePosixPath(path).with_name("config.json")))
    ids = {} if path in side.files else {key: config[key] for key in _IDS if key in config}
    known = {key: normalized_ids(value) if "token_id" in key else value for key, value in given.items()}
    # Transformers takes null for "not set".
    merged = _DEFAULTS | ids | {key: value for key, value in known.items() if value is not None}
    return {key: value for key, value in merged.items() if value is not None}
