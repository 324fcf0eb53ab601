"""Changes of models that hear: what transformers saves for Whisper, Wav2Vec2 and the like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hfver.core.version import Bump
from tests.model.compare.pairs.made import MAJOR, MINOR, PATCH, Files, MadePair, saved_config, saved_files

_GENERATION, _EXTRACTOR, _CONFIG = "generation_config.json", "preprocessor_config.json", "config.json"
_WHISPER, _WAV2VEC2 = "WhisperFeatureExtractor", "Wav2Vec2FeatureExtractor"
_IDS = {"decoder_start_token_id": 50258, "eos_token_id": 50257, "bos_token_id": 50257, "pad_token_id": 50257}


def _extractor(kind: str, **settings: Any) -> Files:
    import transformers

    return saved_files(getattr(transformers, kind)(**settings).save_pretrained)


def _generation(**settings: Any) -> Files:
    from transformers import GenerationConfig

    kind: Any = GenerationConfig
    given = {"suppress_tokens": [1, 2, 7], "begin_suppress_tokens": [220, 50257], "forced_decoder_ids": [[1, 50259]]}
    saved = saved_files(kind(**{**_IDS, **given, **settings}).save_pretrained)
    return {_CONFIG: saved_config("whisper"), **saved}


def _config(kind: str, **settings: Any) -> Files:
    return {_CONFIG: saved_config(kind, **settings)}


def _letters(*words: str, **settings: Any) -> Files:
    """Return a vocabulary of letters for CTC, as Wav2Vec2CTCTokenizer saves it."""
    import json
    import tempfile
    from pathlib import Path

    from transformers import Wav2Vec2CTCTokenizer

    kind: Any = Wav2Vec2CTCTokenizer
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "vocab.json")
        path.write_text(json.dumps({word: number for number, word in enumerate(words)}))
        saved = saved_files(kind(str(path), **settings).save_pretrained)
    return {_CONFIG: saved_config("wav2vec2", vocab_size=12), **saved}


def _without(files: Files, path: str, *keys: str) -> Files:
    return {**files, path: {key: value for key, value in files[path].items() if key not in keys}}


def _pair(name: str, level: Bump, before: Callable[[], Files], after: Callable[[], Files], why: str = "") -> MadePair:
    return MadePair(f"speech: {name}", "speech", level, before, after, why)


def _extracted(name: str, level: Bump, kind: str, why: str = "", **settings: Any) -> MadePair:
    return _pair(name, level, lambda: _extractor(kind), lambda: _extractor(kind, **settings), why)


def _generated(name: str, level: Bump, why: str = "", **settings: Any) -> MadePair:
    return _pair(name, level, _generation, lambda: _generation(**settings), why)


def _configured(name: str, level: Bump, kind: str, why: str = "", **settings: Any) -> MadePair:
    return _pair(name, level, lambda: _config(kind), lambda: _config(kind, **settings), why)


_VOCABULARY = ("<pad>", "<s>", "</s>", "<unk>", "|", "e", "t", "a")

PAIRS = (
    _extracted("mel bins of Whisper large-v3", MAJOR, _WHISPER, feature_size=128),
    _extracted("another sampling rate", MAJOR, _WAV2VEC2, sampling_rate=8000),
    _extracted("padding on the left", MAJOR, _WAV2VEC2, padding_side="left"),
    _extracted("a mask for each sound", MAJOR, _WAV2VEC2, return_attention_mask=True),
    _extracted("shorter chunks", MAJOR, _WHISPER, chunk_length=15),
    _extracted("another hop", MAJOR, _WHISPER, hop_length=128),
    _extracted("dither", MAJOR, _WHISPER, "noise is added to each sound", dither=0.1),
    _pair(
        "defaults of the extractor left out",
        PATCH,
        lambda: _extractor(_WHISPER),
        lambda: _without(_extractor(_WHISPER), _EXTRACTOR, "padding_side", "dither", "hop_length", "n_fft"),
    ),
    _pair(
        "mel filters in the file, as transformers 4.20 saved them",
        PATCH,
        lambda: {_EXTRACTOR: {**_extractor(_WHISPER)[_EXTRACTOR], "mel_filters": [[0.0, 0.5], [0.25, 0.125]]}},
        lambda: _extractor(_WHISPER),
        "the class computes them itself",
    ),
    _generated("other suppressed tokens", MAJOR, "tokens come that callers did not get", suppress_tokens=[1, 2]),
    _generated("another first token", MAJOR, decoder_start_token_id=50259),
    _generated("longer texts", MINOR, max_length=448),
    _generated("a default spelled out", PATCH, num_beams=1),
    _configured("more layers of the decoder", MAJOR, "whisper", decoder_layers=2),
    _configured("the text's length", MAJOR, "whisper", max_target_positions=224),
    _configured("mel bins in the config", MAJOR, "whisper", num_mel_bins=128),
    _configured("another stride", MAJOR, "wav2vec2", conv_stride=[5, 2, 2, 2, 2, 2, 1]),
    _configured("stable layer norm", MAJOR, "wav2vec2", do_stable_layer_norm=True),
    _configured("names of classes", MAJOR, "wav2vec2", id2label={0: "no", 1: "yes"}),
    _configured("masking in training", PATCH, "hubert", mask_time_prob=0.1),
    _pair(
        "letters in another order",
        MAJOR,
        lambda: _letters(*_VOCABULARY),
        lambda: _letters(*_VOCABULARY[:5], "t", "e", "a"),
    ),
    _pair(
        "a letter appended",
        MAJOR,
        lambda: _letters(*_VOCABULARY),
        lambda: _letters(*_VOCABULARY, "o"),
        "texts with this letter have other ids than before, when it was unknown",
    ),
    _pair(
        "a token for a language appended",
        MINOR,
        lambda: _letters(*_VOCABULARY),
        lambda: _letters(*_VOCABULARY, "<lang:de>"),
    ),
    _pair(
        "another word delimiter",
        MAJOR,
        lambda: _letters(*_VOCABULARY),
        lambda: _letters(*_VOCABULARY, word_delimiter_token="a"),
    ),
)
