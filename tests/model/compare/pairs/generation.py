"""Changes of how text is generated, whichever file holds the settings."""

from __future__ import annotations

import json
from typing import Any

from tests.model.compare.pairs.made import MAJOR, MINOR, PATCH, Files, MadePair, saved_config


def _generation(**settings: Any) -> dict[str, Any]:
    """Return generation_config.json as transformers writes it."""
    from transformers import GenerationConfig

    kind: Any = GenerationConfig
    return dict(json.loads(kind(eos_token_id=2, bos_token_id=1, **settings).to_json_string()))


def _with(**settings: Any) -> Files:
    return {"config.json": saved_config("llama"), "generation_config.json": _generation(**settings)}


def _legacy(**settings: Any) -> Files:
    """A config of transformers 4 that holds generation settings itself."""
    plain = {"model_type": "bart", "d_model": 64, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
    return {"config.json": {**plain, "decoder_start_token_id": 2, **settings}}


def _moved() -> Files:
    """The same after transformers 5 loaded and saved it."""
    settings = {"num_beams": 4, "max_length": 142, "no_repeat_ngram_size": 3}
    ids = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1, "decoder_start_token_id": 2}
    return {**_legacy(), "generation_config.json": {"_from_model_config": True, **ids, **settings}}


def _old() -> Files:
    return _legacy(num_beams=4, max_length=142, no_repeat_ngram_size=3)


PAIRS = (
    MadePair("bart: settings moved out of config.json", "generation", PATCH, _old, _moved),
    MadePair("bart: settings dropped from config.json", "generation", MINOR, _old, _legacy),
    MadePair(
        "bart: num_beams in config.json",
        "generation",
        MINOR,
        _old,
        lambda: _legacy(num_beams=2, max_length=142, no_repeat_ngram_size=3),
    ),
    MadePair(
        "bart: settings that generation_config.json overrides",
        "generation",
        PATCH,
        lambda: {**_moved(), **_legacy(num_beams=4)},
        _moved,
    ),
    MadePair(
        "bart: hidden states asked for in config.json alone",
        "generation",
        MAJOR,
        _legacy,
        lambda: _legacy(output_hidden_states=True),
        "Without a file of its own, generate then returns an object where it returned tokens.",
    ),
    MadePair("llama: temperature", "generation", MINOR, _with, lambda: _with(do_sample=True, temperature=0.6)),
    MadePair("llama: a default spelled out", "generation", PATCH, _with, lambda: _with(num_beams=1, top_k=50)),
    MadePair("llama: scores asked for", "generation", PATCH, _with, lambda: _with(output_scores=True)),
    MadePair("llama: no cache", "generation", PATCH, _with, lambda: _with(use_cache=False)),
    MadePair("llama: a quantized cache", "generation", MAJOR, _with, lambda: _with(cache_implementation="quantized")),
    MadePair(
        "llama: settings of a quantized cache",
        "generation",
        MAJOR,
        lambda: _with(cache_implementation="quantized", cache_config={"nbits": 4}),
        lambda: _with(cache_implementation="quantized", cache_config={"nbits": 2}),
    ),
    MadePair("gemma2: the hybrid cache", "generation", PATCH, lambda: _with(cache_implementation="hybrid"), _with),
    MadePair("llama: an object returned", "generation", MAJOR, _with, lambda: _with(return_dict_in_generate=True)),
    MadePair(
        "llama: another stop token",
        "generation",
        MAJOR,
        _with,
        lambda: {**_with(), "generation_config.json": {**_generation(), "eos_token_id": [2, 7]}},
    ),
)
