"""Loading what diffusers saves: a pipeline with all of its components, or one model of a pipeline alone."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from hfver.errors import BadCheckpoint, UsageError
from hfver.model.checkpoint.safetensors_header import HeaderError, read_header
from hfver.model.checkpoint.tasks import tag_of_pipeline
from hfver.model.checkpoint.tokenizer_files import TOKENIZER_FILES
from hfver.model.child import JobRaised
from hfver.model.runtime.config_files import read_json
from hfver.model.runtime.device import import_torch
from hfver.model.runtime.loaded import LoadedModel, LoadRequest
from hfver.model.runtime.model_size import check_size

__all__ = ["load_component", "load_pipeline"]

INDEX = "model_index.json"
_STORED = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_VARIANT = re.compile(r"(diffusion_pytorch_model|model)\.(?P<name>[a-z0-9_]+)(-\d+-of-\d+)?\.safetensors")
_PLAIN = re.compile(r"(diffusion_pytorch_model|model)(-\d+-of-\d+)?\.safetensors")
_AGAIN = "Save the pipeline again: pipeline.save_pretrained(DIR)"


@dataclass
class _Fit:
    """Which tensors did not fit, collected over the components."""

    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)

    def add(self, prefix: str, info: dict[str, Any]) -> None:
        """Add what one ``from_pretrained`` reports."""
        self.missing += [f"{prefix}{key}" for key in info["missing_keys"]]
        self.unexpected += [f"{prefix}{key}" for key in info["unexpected_keys"]]
        self.mismatched += [f"{prefix}{entry[0]}" for entry in info["mismatched_keys"]]


def load_pipeline(request: LoadRequest) -> LoadedModel:
    """Load a pipeline from local files: each network by itself, so that it is known which tensors fit.

    Tokenizers, schedulers and processors are left to the pipeline's class.

    Raises:
        BadCheckpoint: The index names a class that the installed libraries lack or that is no component, or a
            component cannot be loaded.
        UsageError: diffusers is not installed.
    """
    diffusers = _import_diffusers()
    index = read_json(request.directory / INDEX)
    if not isinstance(index, dict):
        raise BadCheckpoint(f"{request.directory / INDEX}: not a JSON object.", _AGAIN)
    if request.trust_remote_code:
        with _no_progress_bar(diffusers):
            pipeline = diffusers.DiffusionPipeline.from_pretrained(str(request.directory), **_arguments(request))
        return _loaded(pipeline.to(request.device), request, _Fit(), str(index.get("_class_name")))
    pipeline_class = _pipeline_class(diffusers, index, request.directory)
    _try_in_child(request)
    fit, parts = _Fit(), {}
    for name, kind in _components(diffusers, index, request.directory):
        if _is_network(diffusers, kind):
            parts[name] = _load_network(diffusers, kind, request, request.directory / name, fit, f"{name}.")
    with _no_progress_bar(diffusers):
        pipeline = pipeline_class.from_pretrained(str(request.directory), **_arguments(request), **parts)
    return _loaded(pipeline.to(request.device), request, fit, pipeline_class.__name__)


def load_component(request: LoadRequest) -> LoadedModel:
    """Load one model of a pipeline that is saved alone, such as a ControlNet, a VAE or a UNet.

    Raises:
        BadCheckpoint: The installed diffusers lacks its class, or it cannot be loaded.
        UsageError: diffusers is not installed.
    """
    diffusers = _import_diffusers()
    kind = getattr(diffusers, str(read_json(request.directory / "config.json").get("_class_name")), None)
    if not (isinstance(kind, type) and issubclass(kind, diffusers.ModelMixin)):
        raise BadCheckpoint(
            f"{request.directory}: config.json names a class that diffusers {diffusers.__version__} does not have.",
            "Install the diffusers version that saved it.",
        )
    fit = _Fit()
    model = _load_network(diffusers, kind, request, request.directory, fit, "")
    return _loaded(model.to(request.device), request, fit, "")


def _import_diffusers() -> Any:
    try:
        return import_module("diffusers")
    except ImportError as error:
        raise UsageError(
            f"Loading a pipeline requires diffusers: {error.name or error} is not installed.",
            "Run: pip install 'hfver[diffusers]'",
        ) from None


@contextmanager
def _no_progress_bar(diffusers: Any) -> Iterator[None]:
    switches = diffusers.utils.logging
    were_on = switches.is_progress_bar_enabled()
    switches.disable_progress_bar()
    try:
        yield
    finally:
        if were_on:
            switches.enable_progress_bar()


def _arguments(request: LoadRequest) -> dict[str, Any]:
    arguments: dict[str, Any] = {"use_safetensors": True, **request.local_arguments}
    if variant := _variant(request.directory):
        arguments["variant"] = variant
    return arguments


def _pipeline_class(diffusers: Any, index: dict[str, Any], directory: Path) -> Any:
    name = index.get("_class_name")
    found = getattr(diffusers, name, None) if isinstance(name, str) else None
    if not (isinstance(found, type) and issubclass(found, diffusers.DiffusionPipeline)):
        raise BadCheckpoint(
            f"{directory}: {INDEX} names the pipeline {str(name)[:120]}, which diffusers {diffusers.__version__} does "
            "not have.",
            "Install the diffusers version that saved it.",
        )
    # Such a pipeline loads further repos, which its card names, from the Hub.
    if getattr(found, "_load_connected_pipes", False):
        raise BadCheckpoint(f"{directory}: {name} combines several repos.", "Load each of its pipelines by itself.")
    return found


def _components(diffusers: Any, index: dict[str, Any], directory: Path) -> Iterator[tuple[str, Any]]:
    """Yield the name and the class of each component, looked up in diffusers and transformers alone."""
    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list) or len(value) != 2 or value[0] is None:
            continue
        library, class_name = value
        home = {"diffusers": diffusers, "transformers": import_module("transformers")}.get(str(library))
        home = home or getattr(diffusers.pipelines, str(library), None)
        found = getattr(home, str(class_name), None)
        if not isinstance(found, type):
            continue  # a list that is a setting, or a class that the pipeline refuses with a message of its own
        # The name comes from the folder's author: it must not lead out of the folder.
        if not name.isidentifier() or not (directory / name).is_dir():
            raise BadCheckpoint(f"{directory}: {INDEX} lists {name[:120]!r}, which has no folder.", _AGAIN)
        yield name, found


def _is_network(diffusers: Any, kind: Any) -> bool:
    from transformers import PreTrainedModel

    return issubclass(kind, diffusers.ModelMixin | PreTrainedModel)


def _load_network(diffusers: Any, kind: Any, request: LoadRequest, folder: Path, fit: _Fit, prefix: str) -> Any:
    config = read_json(folder / "config.json")
    arguments: dict[str, Any] = {
        "use_safetensors": True,
        "local_files_only": True,
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,
    }
    if variant := _variant(folder):
        arguments["variant"] = variant
    if issubclass(kind, diffusers.ModelMixin):
        check_size(config, kind, folder)
        # Without low_cpu_mem_usage, missing tensors are reported, not raised.
        arguments |= {"torch_dtype": _dtype(request, folder), "low_cpu_mem_usage": False}
    else:
        check_size(kind.config_class.from_pretrained(folder, local_files_only=True), kind, folder)
        arguments["dtype"] = request.dtype
    model, info = kind.from_pretrained(str(folder), **arguments)
    fit.add(prefix, info)
    return model.eval()


def _dtype(request: LoadRequest, folder: Path) -> Any:
    """Return the dtype to load a model of diffusers with; the one that is stored, if the request leaves it open."""
    torch = import_torch()
    if request.dtype != "auto":
        return getattr(torch, request.dtype)
    variant = _variant(folder)
    stored: set[str] = set()
    for file in folder.glob("*.safetensors"):
        if variant is None and _VARIANT.fullmatch(file.name):
            continue
        with suppress(HeaderError, OSError), file.open("rb") as stream:
            header = read_header(stream, os.fstat(stream.fileno()).st_size)
            stored |= {span.dtype for span in header.spans}
    names = {_STORED[name] for name in stored if name in _STORED}
    return getattr(torch, names.pop()) if len(names) == 1 else torch.float32


def _variant(folder: Path) -> str | None:
    """Return the variant to load where the weights are there as one alone (``fp16``); None where plain ones are."""
    files = [file for file in folder.rglob("*.safetensors") if file.parent == folder or file.parent.parent == folder]
    plain = [file for file in files if _PLAIN.fullmatch(file.name)]
    found = {match["name"] for file in files if (match := _VARIANT.fullmatch(file.name))}
    return found.pop() if not plain and len(found) == 1 else None


def _try_in_child(request: LoadRequest) -> None:
    """Load configs and tokenizers in the child process first: the pipeline loads them in this one."""
    if request.child is None:
        return
    for folder in sorted({path.parent for name in TOKENIZER_FILES for path in request.directory.glob(f"*/{name}")}):
        # A tokenizer that AutoTokenizer does not know has a class of its own in the index.
        with suppress(JobRaised):
            request.child.load_tokenizer(folder)


def _loaded(model: Any, request: LoadRequest, fit: _Fit, class_name: str) -> LoadedModel:
    main = next((part for name in ("transformer", "unet", "prior") if (part := getattr(model, name, None))), model)
    return LoadedModel(
        model=model,
        tokenizer=None,  # the pipeline has its own, and may have several
        processor=None,
        device=str(getattr(model, "device", request.device)),
        dtype=str(getattr(main, "dtype", request.dtype)).removeprefix("torch."),
        load_seconds=0.0,
        missing_keys=tuple(sorted(fit.missing)),
        unexpected_keys=tuple(sorted(fit.unexpected)),
        mismatched_keys=tuple(sorted(fit.mismatched)),
        pipeline_tag=tag_of_pipeline(class_name),
        notes=("loaded with diffusers",),
    )
