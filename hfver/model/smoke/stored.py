"""Checks of the stored tensors against what config.json declares of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from hfver.model.runtime import LoadedModel
from hfver.model.runtime.config_files import read_json
from hfver.model.runtime.device import import_torch
from hfver.model.smoke.check import CheckFailed, CheckSkipped, CheckWarned

DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
"""How safetensors and torch call the dtypes that a config may declare."""


@dataclass(frozen=True)
class StoredTensor:
    """Where one tensor is, and what its file's header says of it."""

    path: Path
    dtype: str
    elements: int


def dtype_as_declared(loaded: LoadedModel) -> str:
    """Check that most weights are stored in the dtype that config.json declares, in which they are loaded."""
    folder = _folder(loaded)
    config = read_json(folder / "config.json")
    declared = str(config.get("dtype") or config.get("torch_dtype") or "").removeprefix("torch.")
    if declared not in DTYPES.values() or config.get("quantization_config"):
        raise CheckSkipped("config.json declares no dtype, or the weights are quantized.")
    sizes: Counter[str] = Counter()
    for tensor in _stored(folder).values():
        if tensor.dtype in DTYPES:
            sizes[DTYPES[tensor.dtype]] += tensor.elements
    if not sizes:
        raise CheckSkipped("The folder holds no floating-point tensors.")
    ((stored, _),) = sizes.most_common(1)
    if stored != declared:
        raise CheckWarned(
            f"config.json declares {declared}, but most weights are stored in {stored}: loading converts them.",
            f"Set dtype in config.json to {stored}, or convert the weights and save them again.",
        )
    return f"Most weights are stored in {declared}, as declared."


def tie_holds(loaded: LoadedModel) -> str:
    """Check that a head that the config ties to the embedding is the embedding."""
    torch = import_torch()
    head, embedding = _weight(loaded.model, "get_output_embeddings"), _weight(loaded.model, "get_input_embeddings")
    if head is None or embedding is None or head.shape != embedding.shape:
        raise CheckSkipped("There is no head that could be tied to the embedding.")
    config: Any = loaded.model.config
    if not getattr(config.get_text_config(), "tie_word_embeddings", getattr(config, "tie_word_embeddings", False)):
        return "The head is not tied to the embedding, and is not declared to be."
    remedy = "Set tie_word_embeddings to false if the head was trained apart, or save the model with a tied head."
    if head is not embedding and not torch.equal(head, embedding):
        raise CheckFailed("config.json ties the head to the embedding, but the two differ.", remedy)
    found = _stored(_folder(loaded))
    names = [name for name in (*_tied_names(loaded.model), "lm_head.weight") if name in found]
    if any(not _equals(found[name], name, embedding) for name in names):
        raise CheckFailed(
            "config.json ties the head to the embedding, but the folder holds a head that differs from it and is "
            "not used.",
            remedy,
        )
    return "The head is the embedding, as declared."


def _tied_names(model: Any) -> list[str]:
    tied = getattr(model, "_tied_weights_keys", None) or ()
    names = [*tied, *tied.values()] if isinstance(tied, Mapping) else list(tied)
    return [name for name in names if name.endswith("weight") and "*" not in name and "^" not in name]


def _equals(stored: StoredTensor, name: str, weight: Any) -> bool:
    torch = import_torch()
    from safetensors import safe_open

    with safe_open(stored.path, framework="pt") as file:
        tensor = file.get_tensor(name)
    return tuple(tensor.shape) != tuple(weight.shape) or torch.equal(tensor.to(weight.device, weight.dtype), weight)


def _weight(model: Any, getter: str) -> Any:
    try:
        return getattr(getattr(model, getter)(), "weight", None)
    except (AttributeError, NotImplementedError):
        return None


def _folder(loaded: LoadedModel) -> Path:
    """Return the folder that the model was loaded from.

    Raises:
        CheckSkipped: It is not known: the model is an adapter on a base, or a pipeline.
    """
    path = Path(str(getattr(loaded.model, "name_or_path", "") or "."))
    if hasattr(loaded.model, "peft_config") or not (path / "config.json").is_file():
        raise CheckSkipped("The model is not a single folder of transformers.")
    return path


def _stored(folder: Path) -> dict[str, StoredTensor]:
    from safetensors import safe_open

    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  not a dict
                part = file.get_slice(name)
                found[name] = StoredTensor(path, part.get_dtype(), prod(part.get_shape()))
    return found
