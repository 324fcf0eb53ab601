"""Opening a whole model as ``save_pretrained`` writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hfver.model.runtime.classes import model_class, pipeline_tag
from hfver.model.runtime.config_files import read_json
from hfver.model.runtime.opened import Opening, OpenModel
from hfver.model.runtime.processors import open_processor, open_tokenizer

__all__ = ["open_plain"]


def open_plain(opening: Opening, build: Callable[[Any], Any] | None = None, **settings: Any) -> OpenModel:
    """Open a whole model as ``save_pretrained`` writes it.

    Args:
        opening: The folder and how to open it.
        build: Chooses the class from the config; the config's own architecture if None.
        settings: Config values to override, such as ``num_labels``.
    """
    from transformers import AutoConfig

    read_json(opening.directory / "config.json")
    config = AutoConfig.from_pretrained(opening.directory, **opening.local)
    chosen = build(config) if build else model_class(config, opening)
    model, info = chosen.from_pretrained(opening.directory, **_settings(opening), **settings)
    return OpenModel(
        model=model.eval(),
        tokenizer=open_tokenizer(opening),
        processor=open_processor(opening),
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        load_seconds=0.0,
        missing_keys=tuple(sorted(info["missing_keys"])),
        unexpected_keys=tuple(sorted(info["unexpected_keys"])),
        mismatched_keys=tuple(sorted(_mismatch(*entry) for entry in info["mismatched_keys"])),
        pipeline_tag=pipeline_tag(type(model).__name__),
    )


def _settings(opening: Opening) -> dict[str, Any]:
    """Return the arguments of ``from_pretrained``: this disk only, safetensors only, defects told."""
    settings = opening.local | {
        "use_safetensors": True,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,
        "dtype": opening.dtype,
    }
    return settings if opening.device == "cpu" else settings | {"device_map": {"": opening.device}}


def _mismatch(key: str, stored: Any, built: Any) -> str:
    return f"{key} (stored {list(stored)}, config says {list(built)})"
