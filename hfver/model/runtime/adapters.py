"""Loading a PEFT adapter on its base model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hfver.errors import BadCheckpoint, UsageError
from hfver.model.checkpoint import from_cache_path, refuse_code
from hfver.model.runtime.classes import auto_class, pipeline_tag
from hfver.model.runtime.config_files import read_json
from hfver.model.runtime.loaded import LoadedModel, LoadRequest
from hfver.model.runtime.processors import has_tokenizer, load_tokenizer

WEIGHTS = "adapter_model.safetensors"
EMBEDDINGS = (
    "embed_tokens.weight",
    "wte.weight",
    "word_embeddings.weight",
    "embed_in.weight",
    "lm_head.weight",
    "embed_out.weight",
    "shared.weight",
)
"""Suffixes of the names under which PEFT stores embeddings that grew with added tokens: the names that transformers'
architectures give their input embeddings and language-model heads."""


def load_adapter(request: LoadRequest) -> LoadedModel:
    """Load the base model, resize its embeddings if the adapter requires that, and put the adapter on it.

    Raises:
        UsageError: No base folder was given.
        BadCheckpoint: The adapter's weights are missing or do not fit the base model.
    """
    base_request = _base_request(request)
    config = read_json(request.directory / "adapter_config.json")
    shapes = read_shapes(request.directory / WEIGHTS)
    base = _load_base(base_request, config, shapes)
    has_own = has_tokenizer(request.directory)
    tokenizer = load_tokenizer(request) if has_own else base.tokenizer
    _resize_embeddings(base.model, _rows_required(config, shapes, tokenizer))
    model, missing, unused = _apply_adapter(base, request.directory)
    unexpected = tuple(name for name in unused if not _is_duplicate(name, shapes))
    return replace(
        base,
        model=model.eval(),
        tokenizer=tokenizer,
        tokenizer_from=request if has_own else base.tokenizer_from,
        missing_keys=_not_supplied(base.missing_keys, shapes) + missing,
        unexpected_keys=base.unexpected_keys + unexpected,
        notes=(*base.notes, f"adapter ({config.get('peft_type')}) on {_base_name(base_request.directory)}"),
    )


def _base_name(directory: Path) -> str:
    """Name the base in a note that the card repeats: the folder's path is nobody else's business."""
    found = from_cache_path(str(directory.absolute()))
    return f"{found[0]} at {found[1][:12]}" if found else directory.absolute().name


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Read the names and shapes of a safetensors file's tensors from its header.

    Raises:
        BadCheckpoint: The file is missing.
    """
    from safetensors import safe_open

    if not path.is_file():
        raise BadCheckpoint(f"{path}: no such file.", "Save the adapter with save_pretrained (safetensors).")
    with safe_open(path, framework="pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def _base_request(request: LoadRequest) -> LoadRequest:
    base = request.base_directory
    if base is None:
        raise UsageError(
            f"{request.directory}: an adapter, which requires the folder of its base model.",
            "Name the base model with --base.",
        )
    if (Path(base) / "adapter_config.json").is_file() or not (Path(base) / "config.json").is_file():
        raise UsageError(f"{base}: not a complete model, so not a base model.", "Name a complete model with --base.")
    refuse_code(Path(base), allowed=request.trust_remote_code)
    return replace(request, directory=Path(base), base_directory=None)


def _load_base(request: LoadRequest, config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> LoadedModel:
    """Load the base as the class that the adapter was trained on, whose head may differ from the saved one."""
    from hfver.model.runtime.plain import load_plain

    base_tag = pipeline_tag(_architecture(request.directory))
    wanted = auto_class(str(config.get("task_type")))
    if wanted.__name__ == "AutoModel" or base_tag == _tag_of(wanted):
        return load_plain(request)
    labels = {"num_labels": count} if (count := _label_count(config, shapes)) else {}
    base = load_plain(request, lambda _: wanted, **labels)
    # The task's head replaces the saved one, so the saved one is unused by design; anything else unused is a defect.
    return replace(base, unexpected_keys=tuple(key for key in base.unexpected_keys if _is_in_body(key, base.model)))


def _architecture(directory: Path) -> str:
    names = read_json(directory / "config.json").get("architectures") or [""]
    return str(names[0])


def _tag_of(auto: Any) -> str | None:
    return pipeline_tag(next(iter(auto._model_mapping.values())).__name__)


def _label_count(config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """Read the number of labels from the shape of the head that the adapter supplies."""
    heads = config.get("modules_to_save") or ["score", "classifier"]
    found = [shape for name, shape in shapes.items() if len(shape) == 2 and any(f".{head}." in name for head in heads)]
    return found[-1][0] if found else None


def _is_in_body(key: str, model: Any) -> bool:
    """Return whether a tensor belongs to the body of the model, not to its head."""
    return key.startswith(f"{model.base_model_prefix}.")


def _rows_required(config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], tokenizer: Any) -> int:
    """Return how many embedding rows the adapter expects; 0 if it does not touch the embedding."""
    stored = [shape[0] for name, shape in shapes.items() if len(shape) == 2 and name.endswith(EMBEDDINGS)]
    trained = config.get("trainable_token_indices") or []
    lists = trained.values() if isinstance(trained, Mapping) else [trained]
    indices = [index + 1 for ids in lists for index in ids]
    # An adapter that trains single rows does not store how many rows there were: the tokenizer knows.
    if indices and tokenizer is not None:
        indices.append(len(tokenizer))
    return max([*stored, *indices], default=0)


def _resize_embeddings(model: Any, rows: int) -> None:
    """Add embedding rows, as training did when it added tokens; the adapter then fills them."""
    if rows > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(rows, mean_resizing=False)


def _apply_adapter(base: LoadedModel, directory: Path) -> tuple[Any, tuple[str, ...], tuple[str, ...]]:
    """Load the adapter; return the model and the names of tensors that were missing or not used.

    ``PeftModel.from_pretrained`` does not return those names, so the adapter, which is small, is read a second time
    with ``load_adapter``, which does.
    """
    from peft import PeftModel

    model = PeftModel.from_pretrained(base.model, str(directory), torch_device=base.device)
    result = model.load_adapter(str(directory), "default", torch_device=base.device)
    return model, tuple(sorted(result.missing_keys)), tuple(sorted(result.unexpected_keys))


def _is_duplicate(name: str, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Return whether a tensor is the second copy of a resized embedding, which PEFT writes and does not read."""
    plain = name.replace(".modules_to_save.", ".").replace(".original_module.", ".")
    return plain != name and plain in shapes


def _not_supplied(missing: tuple[str, ...], shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    """Drop tensors that the base lacks and the adapter supplies, such as a new classification head."""
    supplied = {name.removeprefix("base_model.model.") for name in shapes}
    return tuple(key for key in missing if key not in supplied)
