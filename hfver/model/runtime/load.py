"""Loading a folder: a complete model, a PEFT adapter on its base, a sentence-transformers or a diffusers pipeline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hfver.errors import BadCheckpoint, UsageError
from hfver.model.checkpoint import refuse_code
from hfver.model.runtime.config_files import is_component
from hfver.model.runtime.device import import_torch, pick_device
from hfver.model.runtime.library_output import errors_translated, quiet
from hfver.model.runtime.loaded import LoadedModel, LoadRequest
from hfver.model.runtime.plain import load_plain
from hfver.model.runtime.tokenizer_child import TokenizerChild

DTYPES = ("auto", "float32", "float16", "bfloat16", "float64")


def load_model(
    directory: Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    base_directory: Path | None = None,
    trust_remote_code: bool = False,
    child: TokenizerChild | None = None,
) -> LoadedModel:
    """Load a local folder with torch, without the network and without running code from the folder.

    Args:
        directory: A folder as ``save_pretrained``, PEFT or sentence-transformers write it.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; see `pick_device`.
        dtype: ``auto`` keeps the stored dtype; else ``float32``, ``float16``, ``bfloat16`` or ``float64``.
        base_directory: The base model's folder; required for an adapter.
        trust_remote_code: Whether code that the folder contains or names may run.
        child: A child process that loads the tokenizer and tries the processor, in place of this one.

    Returns:
        The model in eval mode, with its tokenizer or processor and the tensors that did not fit. With a child process,
        the tokenizer is a `ChildTokenizer`, and there is no processor.

    Raises:
        BadCheckpoint: The folder cannot be loaded.
        PolicyViolation: The folder's configs ask for code to be run, and ``trust_remote_code`` is False.
        UsageError: torch, the device, enough memory or the base model is missing.
    """
    place = pick_device(device)
    if dtype not in DTYPES:
        raise UsageError(f"There is no dtype {dtype!r}.", f"Use one of {', '.join(DTYPES)}.")
    request = LoadRequest(Path(directory), place, dtype, base_directory, trust_remote_code, child)
    loader = _loader_for(request.directory)
    refuse_code(request.directory, allowed=trust_remote_code)
    with quiet(), errors_translated(request.directory, place):
        return _load_timed(loader, request)


def _loader_for(directory: Path) -> Callable[[LoadRequest], LoadedModel]:
    from hfver.model.runtime.adapters import load_adapter
    from hfver.model.runtime.pipelines import load_component, load_pipeline
    from hfver.model.runtime.sentence_transformers import load_sentence_transformers

    # Most specific first: a sentence-transformers folder has a config.json too, and so may an adapter's.
    if (directory / "adapter_config.json").is_file():
        return load_adapter
    if (directory / "modules.json").is_file():
        return load_sentence_transformers
    if (directory / "model_index.json").is_file():
        return load_pipeline
    if (directory / "config.json").is_file():
        return load_component if is_component(directory) else load_plain
    raise BadCheckpoint(
        f"{directory}: not a checkpoint: it has no config.json, adapter_config.json, modules.json or model_index.json.",
        "Name the folder that save_pretrained wrote.",
    )


def _load_timed(loader: Callable[[LoadRequest], LoadedModel], request: LoadRequest) -> LoadedModel:
    """Load, and record the seconds until the weights are on the device."""
    torch = import_torch()
    start = time.perf_counter()
    loaded = loader(request)
    if request.device.startswith("cuda"):
        torch.cuda.synchronize(request.device)  # copies to the GPU are asynchronous
    return replace(loaded, load_seconds=time.perf_counter() - start)
