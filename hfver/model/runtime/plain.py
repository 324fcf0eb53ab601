"""Loading a complete model as ``save_pretrained`` writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hfver.model.runtime.classes import model_class, pipeline_tag
from hfver.model.runtime.config_files import read_json
from hfver.model.runtime.loaded import LoadedModel, LoadRequest
from hfver.model.runtime.model_size import check_size
from hfver.model.runtime.processors import has_processor, has_tokenizer, load_processor, load_tokenizer, missing_library

__all__ = ["load_plain"]


def load_plain(request: LoadRequest, choose_class: Callable[[Any], Any] | None = None, **overrides: Any) -> LoadedModel:
    """Load a complete model as ``save_pretrained`` writes it.

    Args:
        request: The folder and how to load it.
        choose_class: Returns the model class for a config; None takes the architecture that the config names.
        overrides: Config values to override, such as ``num_labels``.

    Returns:
        The model. ``load_seconds`` is 0: `load_model` measures it for every kind of folder.

    Raises:
        BadCheckpoint: config.json cannot be read, names a class that the installed transformers lacks, or describes a
            model that is many times larger than the weights.
    """
    from transformers import AutoConfig

    read_json(request.directory / "config.json")  # transformers has no limit of size, and its errors name no file
    if request.child is not None:
        request.child.check_config(request.directory)
    config = AutoConfig.from_pretrained(request.directory, **request.local_arguments)
    chosen = choose_class(config) if choose_class else model_class(config, request)
    check_size(config, chosen, request.directory)
    model, info = chosen.from_pretrained(request.directory, **_arguments(request), **overrides)
    return LoadedModel(
        model=model.eval(),
        tokenizer=load_tokenizer(request),
        processor=load_processor(request),
        processor_missing=missing_library(request),
        tokenizer_from=request if has_tokenizer(request.directory) else None,
        processor_from=request if has_processor(request.directory) else None,
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        load_seconds=0.0,
        missing_keys=tuple(sorted(info["missing_keys"])),
        unexpected_keys=tuple(sorted(info["unexpected_keys"])),
        mismatched_keys=tuple(sorted(_describe_mismatch(*entry) for entry in info["mismatched_keys"])),
        pipeline_tag=_tag(model),
    )


def _tag(model: Any) -> str | None:
    """Return the task of a model; a classifier that sentence-transformers made is a cross-encoder."""
    tag = pipeline_tag(type(model).__name__)
    if tag == "text-classification" and getattr(model.config, "sentence_transformers", None):
        return "text-ranking"
    return tag


def _arguments(request: LoadRequest) -> dict[str, Any]:
    """Return the arguments of ``from_pretrained``: local safetensors only, and misfits reported, not raised."""
    arguments = request.local_arguments | {
        "use_safetensors": True,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,
        "dtype": request.dtype,
    }
    # A device map requires accelerate, which loading on the CPU can do without.
    return arguments if request.device == "cpu" else arguments | {"device_map": {"": request.device}}


def _describe_mismatch(key: str, stored: Any, built: Any) -> str:
    return f"{key} (stored {list(stored)}, config says {list(built)})"
