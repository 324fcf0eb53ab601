"""Opening a folder: a whole model, a PEFT adapter on its base, or a sentence-transformers pipeline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hfver.checkpoint import refuse_code
from hfver.errors import BadCheckpoint, UsageError
from hfver.runtime.classes import model_class, pipeline_tag
from hfver.runtime.device import import_torch, pick_device
from hfver.runtime.opened import Opening, OpenModel
from hfver.runtime.quiet import blaming, quiet
from hfver.runtime.safety import read_json
from hfver.runtime.text import open_processor, open_tokenizer

DTYPES = ("auto", "float32", "float16", "bfloat16", "float64")


def open_model(
    directory: Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    base_directory: Path | None = None,
    trust_remote_code: bool = False,
) -> OpenModel:
    """Open a local folder with torch, without the network and without running code from it.

    Args:
        directory: A folder as ``save_pretrained``, PEFT or sentence-transformers write it.
        device: What `pick_device` takes.
        dtype: ``auto`` keeps the stored dtype; else ``float32``, ``float16``, ``bfloat16`` or ``float64``.
        base_directory: The base model's folder; an adapter needs it.
        trust_remote_code: Whether code that the folder brings or names may run.

    Raises:
        BadCheckpoint: The folder cannot be loaded.
        PolicyViolation: Its configs ask for code to be run, and that is not allowed.
        UsageError: torch, the device, the memory or the base is missing.
    """
    place = pick_device(device)
    if dtype not in DTYPES:
        raise UsageError(f"There is no dtype called {dtype!r}.", f"Use one of {', '.join(DTYPES)}.")
    opening = Opening(Path(directory), place, dtype, base_directory, trust_remote_code)
    opener = _opener(opening.directory)
    refuse_code(opening.directory, allowed=trust_remote_code)
    with quiet(), blaming(opening.directory, place):
        return _timed(opener, opening)


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


def _opener(directory: Path) -> Callable[[Opening], OpenModel]:
    from hfver.runtime.adapters import open_adapter
    from hfver.runtime.sentence import open_sentence

    if (directory / "adapter_config.json").is_file():
        return open_adapter
    if (directory / "modules.json").is_file():
        return open_sentence
    if (directory / "config.json").is_file():
        return open_plain
    raise BadCheckpoint(
        f"{directory}: not a checkpoint: it has no config.json, adapter_config.json or modules.json.",
        "Give the folder that save_pretrained wrote.",
    )


def _timed(opener: Callable[[Opening], OpenModel], opening: Opening) -> OpenModel:
    """Open, and note how long it took until the weights lay on the device."""
    torch = import_torch()
    start = time.perf_counter()
    opened = opener(opening)
    if opening.device.startswith("cuda"):
        torch.cuda.synchronize(opening.device)
    return replace(opened, load_seconds=time.perf_counter() - start)


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
