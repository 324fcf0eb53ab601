"""Prove for each setting of ``generation_config.json`` that it changes no generated token, on models of three kinds."""

from __future__ import annotations

import contextlib
import copy
import sys
import warnings
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import torch

from tests.model.compare.metadata.proof import other_values
from tests.model.compare.metadata.source import shared_sources
from tests.model.compare.metadata.tiny_models import TinyModel, compute_the_same, tensors_of, with_inputs

__all__ = ["GENERATION_SWITCHES", "MODELS", "prove_generation"]

MODELS = ("llama", "bart", "whisper")
"""A decoder, an encoder and decoder of text, and one of speech with a way of generating of its own."""
GENERATION_SWITCHES = ("use_cache", "output_attentions", "output_hidden_states", "output_scores", "output_logits")
"""Settings that are read and only decide what is kept or returned besides the tokens: equal tokens are enough."""
_WAYS: tuple[dict[str, Any], ...] = ({}, {"do_sample": True}, {"num_beams": 2})
_PLAIN: dict[str, Any] = {"max_new_tokens": 12, "pad_token_id": 0, "eos_token_id": 1}
# These copy, check or show a config, or choose among ways of generating by settings of which the flips try both sides.
_COPYING = {"__init__", "__eq__", "__hash__", "__repr__", "to_dict", "to_diff_dict", "update", "validate", "from_dict"}


def prove_generation() -> tuple[list[str], list[str]]:
    """Return the settings that are not read and change nothing, and the switches that change no token."""
    with warnings.catch_warnings():
        # Of settings that go together badly, which is what some of the flips make of them.
        warnings.simplefilter("ignore")
        return _prove()


def _prove() -> tuple[list[str], list[str]]:
    from transformers import GenerationConfig

    models = [tiny for kind in MODELS if (tiny := with_inputs(kind))]
    assert len(models) == len(MODELS)
    kind: Any = GenerationConfig
    keys = sorted(kind().to_dict().keys() - {"transformers_version"})
    read = set().union(*(_read(tiny) for tiny in models))
    # What is only read together with another setting, such as that of a cache of its own kind, is read in the code.
    unread = [
        key for key in keys if key not in read and not any(s.matters(key, strings=False) for s in shared_sources())
    ]
    unread = [key for key in unread if all(_changes_nothing(tiny, key) for tiny in models)]
    switches = [key for key in GENERATION_SWITCHES if all(_changes_nothing(tiny, key) for tiny in models)]
    return unread, switches


def _generate(tiny: TinyModel, way: dict[str, Any], **settings: Any) -> list[tuple[str, Any]]:
    """Generate as after loading a folder with these settings in its generation_config.json."""
    model = copy.copy(tiny.model)
    kind: Any = type(tiny.model.generation_config)
    model.generation_config = kind.from_dict({**_PLAIN, **way, **settings})
    if model.config.is_encoder_decoder:
        model.generation_config.decoder_start_token_id = 2
    given = {key: value for key, value in tiny.inputs.items() if key != "decoder_input_ids"}
    torch.manual_seed(4)
    with torch.no_grad():
        return list(tensors_of("tokens", model.generate(**given)))


def _changes_nothing(tiny: TinyModel, key: str) -> bool:
    for way in _WAYS:
        plain = _generate(tiny, way)
        for value in _values(key):
            try:
                if not compute_the_same(plain, _generate(tiny, way, **{key: value})):
                    return False
            except Exception:
                return False
    return True


def _values(key: str) -> Iterator[Any]:
    yield from (False, True) if key in GENERATION_SWITCHES else (3, *other_values(None))


def _read(tiny: TinyModel) -> set[str]:
    """Return the settings that are read while tokens are generated."""
    from transformers import GenerationConfig

    found: set[str] = set()
    plain = GenerationConfig.__getattribute__

    def noted(self: Any, key: str) -> Any:
        if key[:2] != "__" and not _only_copies():
            found.add(key)
        return plain(self, key)

    GenerationConfig.__getattribute__ = noted  # type: ignore[method-assign]
    try:
        for way in _WAYS:
            with contextlib.suppress(Exception):
                _generate(tiny, way)
    finally:
        GenerationConfig.__getattribute__ = plain  # type: ignore[method-assign]
    return found


def _only_copies() -> bool:
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_name in ("<genexpr>", "<listcomp>", "<dictcomp>"):
        frame = frame.f_back  # type: ignore[assignment]
    own = frame is not None and PurePath(frame.f_code.co_filename).name == "configuration_utils.py"
    return own and frame.f_code.co_name in _COPYING
