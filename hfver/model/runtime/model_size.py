"""Whether the model that a config describes can be the one whose weights are there, before any memory is taken for it.

A config that lost its sizes describes its class's default model, which often has billions of parameters, and loaders
fill every parameter that the weights do not have with random numbers.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.safetensors_header import HeaderError, read_header

__all__ = ["check_size"]

MOST_BYTES = 2 << 30
"""Models up to this size, as float32, are built without a question."""
MOST_TIMES = 16
"""Parameters take at most this many times the bytes of their weights: 4-bit weights are built as float32, some tied."""
MOST_LAYERS = 1000
"""More layers than any model has; more than that must be backed by tensors."""
_LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers", "encoder_layers", "decoder_layers")


def check_size(config: Any, model_class: Any, directory: Path) -> None:
    """Refuse a config that describes a model many times larger than its weights.

    Args:
        config: The config, as transformers loaded it; a dictionary for a class of diffusers.
        model_class: The class that will be built.
        directory: The folder with the weights.

    Raises:
        BadCheckpoint: The config describes more parameters or layers than the weights can hold.
    """
    files = sorted(directory.glob("*.safetensors"))
    stored = sum(file.stat().st_size for file in files)
    described = _most_layers(config if isinstance(config, dict) else config.to_dict())
    if described > MOST_LAYERS and described > (tensors := sum(map(_count_tensors, files))):
        raise BadCheckpoint(
            f"{directory}: config.json describes {described} layers, and the weights have {tensors} tensors.", _HINT
        )
    if stored >= MOST_BYTES:
        return  # then the sizes that a class has by default are not much more than what is loaded anyway
    needed = _bytes_of_parameters(config, model_class)
    if needed > max(MOST_BYTES, MOST_TIMES * stored):
        raise BadCheckpoint(
            f"{directory}: config.json describes a model of {needed / 4e9:.1f} billion parameters, and the weights "
            f"have {stored} bytes.",
            _HINT,
        )


_HINT = "Write the sizes of the model into config.json, or save it again: model.save_pretrained(DIR)"


def _most_layers(value: Any) -> int:
    """Return the highest number of layers in a config and the configs within it."""
    if not isinstance(value, dict):
        return 0
    own = [number for key in _LAYERS if isinstance(number := value.get(key), int)]
    return max([*own, *map(_most_layers, value.values())], default=0)


def _count_tensors(file: Path) -> int:
    try:
        with file.open("rb") as stream:
            return len(read_header(stream, os.fstat(stream.fileno()).st_size).spans)
    except (HeaderError, OSError):
        return 0  # loading will say what is wrong with the file


def _bytes_of_parameters(config: Any, model_class: Any) -> int:
    """Return the bytes of all parameters, by building the model without memory; 0 if its class cannot be built so."""
    import torch

    build = getattr(model_class, "_from_config", None) or model_class.from_config
    try:
        with torch.device("meta"):
            model = build(copy.deepcopy(config))  # building may complete it
    except Exception:
        return 0
    return sum(parameter.numel() * 4 for parameter in model.parameters())
