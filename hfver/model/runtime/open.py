"""Opening a folder: a whole model, a PEFT adapter on its base, or a sentence-transformers pipeline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hfver.errors import BadCheckpoint, UsageError
from hfver.model.checkpoint import refuse_code
from hfver.model.runtime.device import import_torch, pick_device
from hfver.model.runtime.opened import Opening, OpenModel
from hfver.model.runtime.plain import open_plain
from hfver.model.runtime.silence import blaming, quiet

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


def _opener(directory: Path) -> Callable[[Opening], OpenModel]:
    from hfver.model.runtime.adapters import open_adapter
    from hfver.model.runtime.sentence_transformers import open_sentence

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
