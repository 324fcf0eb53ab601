"""Opening a PEFT adapter on its base model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hfver.errors import BadCheckpoint, UsageError
from hfver.model.checkpoint import refuse_code
from hfver.model.runtime.classes import auto_class, pipeline_tag
from hfver.model.runtime.config_files import read_json
from hfver.model.runtime.opened import Opening, OpenModel
from hfver.model.runtime.processors import has_tokenizer, open_tokenizer

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
"""Ends of the names under which PEFT stores embeddings that grew with added tokens."""


def open_adapter(opening: Opening) -> OpenModel:
    """Open the base, grow its embeddings if the adapter needs that, and put the adapter on it.

    Raises:
        UsageError: No base folder was given.
        BadCheckpoint: The adapter's weights are missing or do not fit the base.
    """
    base_opening = _base_opening(opening)
    settings = read_json(opening.directory / "adapter_config.json")
    shapes = read_shapes(opening.directory / WEIGHTS)
    base = _open_base(base_opening, settings, shapes)
    tokenizer = open_tokenizer(opening) if has_tokenizer(opening.directory) else base.tokenizer
    _grow(base.model, _rows_needed(settings, shapes, tokenizer))
    model, missing, unused = _put_on(base, opening.directory)
    unexpected = tuple(name for name in unused if not _is_copy(name, shapes))
    return replace(
        base,
        model=model.eval(),
        tokenizer=tokenizer,
        missing_keys=_still_missing(base.missing_keys, shapes) + missing,
        unexpected_keys=base.unexpected_keys + unexpected,
        notes=(*base.notes, f"adapter ({settings.get('peft_type')}) on {base_opening.directory}"),
    )


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Read the names and shapes of a safetensors file from its header.

    Raises:
        BadCheckpoint: The file is missing.
    """
    from safetensors import safe_open

    if not path.is_file():
        raise BadCheckpoint(f"{path}: not there.", "Save the adapter with save_pretrained (safetensors).")
    with safe_open(path, framework="pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def _base_opening(opening: Opening) -> Opening:
    base = opening.base_directory
    if base is None:
        raise UsageError(
            f"{opening.directory}: an adapter, which needs the folder of its base model.",
            "Give the base model with --base.",
        )
    if (Path(base) / "adapter_config.json").is_file() or not (Path(base) / "config.json").is_file():
        raise UsageError(f"{base}: not a whole model that could be a base.", "Give a whole model with --base.")
    refuse_code(Path(base), allowed=opening.trust_remote_code)
    return replace(opening, directory=Path(base), base_directory=None)


def _open_base(opening: Opening, settings: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> OpenModel:
    """Open the base as the class that the adapter was trained on; its head may be another than was saved."""
    from hfver.model.runtime.plain import open_plain

    base_tag = pipeline_tag(_architecture(opening.directory))
    task = str(settings.get("task_type"))
    wanted = auto_class(task)
    if wanted.__name__ == "AutoModel" or base_tag == _tag_of(wanted):
        return open_plain(opening)
    labels = {"num_labels": count} if (count := _label_count(settings, shapes)) else {}
    opened = open_plain(opening, lambda _: wanted, **labels)
    head_gone = tuple(key for key in opened.unexpected_keys if _belongs_to_body(key, opened.model))
    return replace(opened, unexpected_keys=head_gone)


def _architecture(directory: Path) -> str:
    names = read_json(directory / "config.json").get("architectures") or [""]
    return str(names[0])


def _tag_of(auto: Any) -> str | None:
    return pipeline_tag(next(iter(auto._model_mapping.values())).__name__)


def _label_count(settings: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """Read the number of labels from the new head that the adapter brings."""
    heads = settings.get("modules_to_save") or ["score", "classifier"]
    found = [shape for name, shape in shapes.items() if len(shape) == 2 and any(f".{head}." in name for head in heads)]
    return found[-1][0] if found else None


def _belongs_to_body(key: str, model: Any) -> bool:
    """Tell keys of the body from those of the saved head, which the adapter's task replaces."""
    return key.startswith(f"{model.base_model_prefix}.")


def _rows_needed(settings: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], tokenizer: Any) -> int:
    """Return how many embedding rows the adapter counts on; 0 if it says nothing about them."""
    stored = [shape[0] for name, shape in shapes.items() if len(shape) == 2 and name.endswith(EMBEDDINGS)]
    trained = settings.get("trainable_token_indices") or []
    lists = trained.values() if isinstance(trained, Mapping) else [trained]
    indices = [index + 1 for ids in lists for index in ids]
    if indices and tokenizer is not None:
        indices.append(len(tokenizer))
    return max([*stored, *indices], default=0)


def _grow(model: Any, rows: int) -> None:
    """Add embedding rows, as training did when it added tokens; the adapter then fills them."""
    if rows > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(rows, mean_resizing=False)


def _put_on(base: OpenModel, directory: Path) -> tuple[Any, tuple[str, ...], tuple[str, ...]]:
    """Load the adapter and say which of its tensors were missing or not used.

    ``PeftModel.from_pretrained`` keeps that to itself, so the (small) adapter is read a second time through
    ``load_adapter``, which tells.
    """
    from peft import PeftModel

    model = PeftModel.from_pretrained(base.model, str(directory), torch_device=base.device)
    result = model.load_adapter(str(directory), "default", torch_device=base.device)
    return model, tuple(sorted(result.missing_keys)), tuple(sorted(result.unexpected_keys))


def _is_copy(name: str, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Tell the second copy of a grown embedding, which PEFT writes and does not read, from a stray tensor."""
    plain = name.replace(".modules_to_save.", ".").replace(".original_module.", ".")
    return plain != name and plain in shapes


def _still_missing(missing: tuple[str, ...], shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    """Drop keys that the base lacks and the adapter brings, such as a new classification head."""
    brought = {name.removeprefix("base_model.model.") for name in shapes}
    return tuple(key for key in missing if key not in brought)
