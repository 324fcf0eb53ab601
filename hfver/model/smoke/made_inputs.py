"""Inputs that are made, not fetched: pictures, sound and series as tensors of the shapes that a config names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hfver.model.runtime import LoadedModel
from hfver.model.runtime.config_files import read_json
from hfver.model.runtime.device import import_torch
from hfver.model.smoke.batches import encode_sentences, pad
from hfver.model.smoke.token_ids import embedding_rows

VARIANTS = 3
"""How many different texts, pictures and sounds there are."""
DEFAULT_SIDE = 224
"""Pixels per side where neither the config nor the preprocessor names a size, as for most networks of convolutions."""
SECOND = 16_000
"""Samples of a second of sound at 16 kHz, the rate of nearly all speech models."""
FRAMES = 256
"""Frames of a spectrogram whose length the config leaves open: 2.5 seconds at the usual 10 ms."""
DECODER_TOKENS = 8


@dataclass(frozen=True)
class Sample:
    """One input of a model, and in what it differs from the first."""

    inputs: Mapping[str, Any]
    varied: str = ""
    """The kind of input that differs from the first sample's: ``text``, ``picture``, ``sound`` or ``series``."""
    ids: list[int] = field(default_factory=list)
    """The text's token ids, without padding; empty without a text."""


def make_samples(loaded: LoadedModel) -> list[Sample]:
    """Make a first sample, and others of which each differs from it in one kind of input.

    Raises:
        LookupError: The model takes no kind of input that can be made.
    """
    makers = dict(_makers(loaded))
    if not makers:
        raise LookupError("its main input is " + str(getattr(loaded.model, "main_input_name", "unknown")))
    first = {kind: make(0) for kind, make in makers.items()}
    samples = [_joined(loaded, first, "")]
    for kind, make in makers.items():
        samples += [_joined(loaded, first | {kind: make(number)}, kind) for number in range(1, VARIANTS)]
    return samples


def parameters_of(loaded: LoadedModel) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of the model's forward(), of the base model's below an adapter."""
    return inspect.signature(base_model(loaded).forward).parameters


def base_model(loaded: LoadedModel) -> Any:
    """Return the model below an adapter, or the model itself."""
    below = getattr(loaded.model, "get_base_model", None)
    return below() if below else loaded.model


def picture(shape: tuple[int, ...], number: int) -> Any:
    """Make a picture [..., height, width]: waves with some noise, about as normalized as a processor leaves them."""
    return _waves(shape, number, cycles=3.0)


def sound(shape: tuple[int, ...], number: int) -> Any:
    """Make a sound [..., samples]: a tone and its overtone with some noise, normalized."""
    return _waves(shape, number, cycles=200.0)


def _waves(shape: tuple[int, ...], number: int, cycles: float) -> Any:
    import numpy as np

    torch = import_torch()
    noise = np.random.default_rng(number).standard_normal(shape) * 0.3
    along = np.linspace(0, 2 * np.pi * cycles, shape[-1]) * (number + 1)
    across = np.linspace(0, 2 * np.pi * (number + 1), shape[-2] if len(shape) > 1 else 1)
    wave = np.sin(along)[None, :] + 0.5 * np.cos(2 * along[None, :] + across[:, None])
    return torch.from_numpy((wave.reshape(wave.shape if len(shape) > 1 else shape) + noise).astype("float32"))


def _makers(loaded: LoadedModel) -> Iterator[tuple[str, Callable[[int], dict[str, Any]]]]:
    """Yield each kind of input that the model takes, with the function that makes the one of a number."""
    names, config = parameters_of(loaded), loaded.model.config
    if "input_ids" in names:
        texts = encode_sentences(loaded)
        yield "text", lambda number: {"input_ids": texts[number]}
    if "pixel_values" in names:
        shape = picture_shape(loaded)
        yield "picture", lambda number: {"pixel_values": picture(shape, number)}
    elif "pixel_values_videos" in names and "input_ids" not in names:
        clip = (1, _first(config, ("frames_per_clip", "num_frames"), 4), *picture_shape(loaded)[-3:])
        yield "picture", lambda number: {"pixel_values_videos": picture(clip, number)}
    for name in ("input_features", "input_values"):
        if name in names and "input_ids" not in names:
            size = _sound_shape(config, name)
            yield "sound", lambda number, name=name, size=size: {name: sound(size, number)}  # type: ignore[misc]
            break
    if "past_values" in names:
        yield "series", lambda number: _series(config, names, number)


def _joined(loaded: LoadedModel, parts: Mapping[str, dict[str, Any]], varied: str) -> Sample:
    torch = import_torch()
    inputs = {name: value for part in parts.values() for name, value in part.items()}
    ids = list(inputs.pop("input_ids", []))
    kind = getattr(torch, loaded.dtype, torch.float32)
    ready: dict[str, Any] = {
        name: value.to(loaded.device, kind if value.is_floating_point() else value.dtype)
        for name, value in inputs.items()
    }
    names = parameters_of(loaded)
    if ids and str(loaded.model.config.model_type).startswith("siglip"):
        ids = _filled(loaded.model.config, ids)
    if ids:
        text = pad(loaded, [ids]).inputs
        ready |= {name: value for name, value in text.items() if name in names}
    if "decoder_input_ids" in names:
        ready["decoder_input_ids"] = decoder_ids(loaded)
    return Sample(ready, varied, ids)


def _filled(config: Any, ids: list[int]) -> list[int]:
    """Fill a text up to the length that SigLIP reads: it takes its vector from the last position, and has no mask."""
    text = config.get_text_config()
    length, filler = int(text.max_position_embeddings), getattr(text, "pad_token_id", None)
    return [*ids, *[1 if filler is None else filler] * (length - len(ids))]


def decoder_ids(loaded: LoadedModel) -> Any:
    """Return ids [1, tokens] for a decoder: its start id, then ids from all over its vocabulary."""
    torch = import_torch()
    model = loaded.model
    places = (getattr(model, "generation_config", None), model.config, getattr(model.config, "decoder", None))
    found = [
        getattr(place, name, None)
        for name in ("decoder_start_token_id", "bos_token_id", "pad_token_id")
        for place in places
    ]
    start = next((number for number in found if isinstance(number, int) and number >= 0), 0)
    rows = _first(model.config, ("vocab_size",), 0) or embedding_rows(model) or 2
    step = max(1, rows // (DECODER_TOKENS + 1))
    ids = [start if start < rows else 0, *(number * step % rows for number in range(1, DECODER_TOKENS))]
    return torch.tensor([ids], device=loaded.device)


def picture_shape(loaded: LoadedModel) -> tuple[int, ...]:
    """Return the shape of one picture, [1, channels, height, width], or of a film, [1, frames, channels, …]."""
    config = loaded.model.config
    channels = _first(config, ("num_channels", "in_channels", "in_chans"), 3)
    size = _find(config, ("image_size", "input_size")) or _preprocessor_size(loaded) or DEFAULT_SIDE
    height, width = (size, size) if isinstance(size, int) else tuple(size)[-2:]
    frames = _find(config, ("num_frames",)) if _find(config, ("tubelet_size", "num_frames")) else None
    return (1, *((int(frames),) if frames else ()), channels, int(height), int(width))


def _preprocessor_size(loaded: LoadedModel) -> tuple[int, int] | None:
    source = loaded.processor_from
    path = source.directory / "preprocessor_config.json" if source else None
    if path is None or not path.is_file():
        return None
    settings = read_json(path)
    size = settings.get("crop_size") if settings.get("do_center_crop") else settings.get("size")
    if isinstance(size, int):
        return size, size
    sides = [size[key] for key in ("height", "width") if key in size] if isinstance(size, dict) else []
    return (sides[0], sides[1]) if len(sides) == 2 and all(isinstance(side, int) for side in sides) else None


def _sound_shape(config: Any, name: str) -> tuple[int, ...]:
    mels = _find(config, ("num_mel_bins",))
    if name == "input_values":
        if mels and (frames := _find(config, ("max_length",))):  # the spectrogram transformer, AST
            return 1, int(frames), int(mels)
        return (1, 1, SECOND) if _find(config, ("audio_channels", "codebook_size")) else (1, SECOND)
    if per_channel := _find(config, ("input_feat_per_channel",)):
        return 1, FRAMES, int(per_channel) * _first(config, ("input_channels",), 1)
    if projected := _find(config, ("feature_projection_input_dim",)):
        return 1, FRAMES, int(projected)
    positions = _find(config, ("max_source_positions",))
    if mels and positions:
        return 1, int(mels), 2 * int(positions)  # Whisper: its convolutions halve the frames
    return 1, FRAMES, int(mels or 80)


def _series(config: Any, names: Mapping[str, Any], number: int) -> dict[str, Any]:
    torch = import_torch()
    length, channels = int(config.context_length), int(getattr(config, "num_input_channels", 1))
    if "past_time_features" not in names:
        return {"past_values": sound((1, channels, length), number).transpose(1, 2)}
    length += max(getattr(config, "lags_sequence", None) or [0])
    ahead, width = int(config.prediction_length), int(getattr(config, "num_time_features", 0) or 0)
    return {
        "past_values": sound((1, length), number),
        "past_time_features": torch.zeros(1, length, width),
        "past_observed_mask": torch.ones(1, length),
        "future_values": sound((1, ahead), 0),
        "future_time_features": torch.zeros(1, ahead, width),
    }


def _first(config: Any, names: tuple[str, ...], default: int) -> int:
    value = _find(config, names)
    return value if isinstance(value, int) else default


def _find(config: Any, names: tuple[str, ...]) -> Any:
    """Find a setting in a config, or in one of the configs within it."""
    for place in _places(config):
        for name in names:
            value = getattr(place, name, None)
            if value:
                return value
    return None


def _places(config: Any) -> Iterator[Any]:
    yield config
    for name in ("vision_config", "audio_config", "text_config", "encoder", "decoder", "backbone_config"):
        inner = getattr(config, name, None)
        if inner is not None and hasattr(inner, "to_dict"):
            yield inner
