"""What kind of checkpoint a folder is, by the names of its files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from hfver.core.manifest import safe_path
from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.checkpoint import Kind
from hfver.model.checkpoint.untrusted_files import parse_json, read_object, shown
from hfver.model.checkpoint.walk import FolderWalk, find_pickles, pickled_only

ADAPTER_CONFIG = "adapter_config.json"
MODULES = "modules.json"
PIPELINE = "model_index.json"
LORA = "pytorch_lora_weights.safetensors"

_SAVE_PIPELINE = "Save the pipeline again: pipeline.save_pretrained(DIR)"
_WITHOUT_WEIGHTS = re.compile(r"Scheduler|Tokenizer|Processor|Extractor|Guider")
_SAVE = "Name the folder that model.save_pretrained(DIR) or trainer.save_model(DIR) wrote."


def kind_of(walk: FolderWalk) -> Kind:
    """Return the kind of a folder that is to be released.

    Raises:
        BadCheckpoint: It is not a checkpoint, or two at once; the message says what is missing.
    """
    # Folders of the first two kinds may have a config.json as well, so the most specific file decides.
    if MODULES in walk.files:
        return "sentence-transformers"
    if PIPELINE in walk.files:
        return "pipeline"
    if ADAPTER_CONFIG in walk.files:
        _check_adapter(walk)
        return "adapter"
    if "config.json" in walk.files:
        if not _has_weights(walk, "."):
            raise _no_weights(walk, ".")
        return _model_kind(walk)
    if LORA in walk.files:
        return "lora"
    raise _not_a_checkpoint(walk)


def likely_kind(walk: FolderWalk) -> Kind:
    """Return the kind of a folder that need not be complete.

    Raises:
        BadCheckpoint: No file in it belongs to a checkpoint.
    """
    marks: dict[str, Kind] = {
        MODULES: "sentence-transformers",
        PIPELINE: "pipeline",
        ADAPTER_CONFIG: "adapter",
        "config.json": "model",
        LORA: "lora",
    }
    for name, kind in marks.items():
        if name in walk.files:
            return _model_kind(walk) if kind == "model" else kind
    raise _not_a_checkpoint(walk)


def check_components(walk: FolderWalk, index: Mapping[str, Any]) -> None:
    """Check that every component that ``model_index.json`` lists is there, with a config and weights if it has any.

    Args:
        walk: The folder.
        index: The content of its ``model_index.json``.

    Raises:
        BadCheckpoint: The index names no class, or a component is named badly or is missing.
    """
    where = shown(walk.files[PIPELINE].path)
    if not isinstance(index.get("_class_name"), str | list):
        raise BadCheckpoint(f"{where} names no pipeline class under _class_name.", _SAVE_PIPELINE)
    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list) or value == [None, None]:
            continue
        if len(value) != 2 or not all(isinstance(part, str) and part for part in value):
            continue  # a setting of the pipeline that happens to be a list
        if not name.isidentifier():
            raise BadCheckpoint(f"{where} lists the component {shown(name)[:120]}, which is no name.", _SAVE_PIPELINE)
        _check_component(walk, name, value[1])


def _check_component(walk: FolderWalk, name: str, class_name: str) -> None:
    held = [path for path in walk.files if path.startswith(f"{name}/")]
    if not held:
        # Weights that are there as a pickle alone have their own message.
        raise BadCheckpoint(
            f"{shown(walk.directory / name)} is missing or empty, and {PIPELINE} lists {name} "
            f"({shown(class_name)[:120]}).",
            _SAVE_PIPELINE,
        )
    needs_weights = f"{name}/config.json" in held and not _WITHOUT_WEIGHTS.search(class_name)
    if needs_weights and not _has_weights(walk, name) and not any(path.endswith(".onnx") for path in held):
        raise _no_weights(walk, name)


def _model_kind(walk: FolderWalk) -> Kind:
    # diffusers gives the weights of every network this name. Other folders' config.json is read later, with the rest.
    if not any(PurePosixPath(path).name.startswith("diffusion_pytorch_model") for path in walk.files):
        return "model"
    file = walk.files["config.json"]
    try:
        config = read_object(file.path, file.stamp)
    except BadCheckpoint:
        return "model"  # whoever parses it reports it
    return "component" if isinstance(config.get("_class_name"), str) and "model_type" not in config else "model"


def module_folders(walk: FolderWalk, content: bytes) -> tuple[str, ...]:
    """Return the folders of the modules that ``modules.json`` lists, in order; ``.`` is the checkpoint's own.

    Args:
        walk: The folder.
        content: The bytes of its ``modules.json``.

    Raises:
        BadCheckpoint: The list is broken, or a module that needs weights and a config lacks one of them.
    """
    path = walk.files[MODULES].path
    modules = parse_json(path, content)
    if not isinstance(modules, list) or not modules or not all(_is_module(module) for module in modules):
        raise BadCheckpoint(
            f"{shown(path)} is broken: it does not list modules with type and path.",
            "Save the model again: SentenceTransformer.save(DIR)",
        )
    for module in modules:
        _check_module(walk, module)
    if not any(path.endswith(".safetensors") for path in walk.files):
        raise _no_weights(walk, ".")
    return tuple(str(PurePosixPath(module["path"])) for module in modules)


def _check_adapter(walk: FolderWalk) -> None:
    if "adapter_model.safetensors" not in walk.files:
        if "adapter_model.bin" in walk.pickles:
            raise pickled_only(walk.directory / "adapter_model.bin")
        raise BadCheckpoint(
            f"{shown(walk.directory)} holds {ADAPTER_CONFIG}, and adapter_model.safetensors is missing.",
            "Save the adapter again: peft_model.save_pretrained(DIR)",
        )
    if any(path.startswith("model") and path.endswith(".safetensors") for path in _top(walk)):
        raise BadCheckpoint(
            f"{shown(walk.directory)} holds a full model and an adapter; a release is one of them.",
            "Keep either model*.safetensors with config.json, or the adapter_* files, in the folder.",
        )


def _is_module(module: Any) -> bool:
    if not isinstance(module, dict) or not isinstance(module.get("type"), str):
        return False
    path = module.get("path")
    if path == "":  # the checkpoint's own folder
        return True
    try:
        return isinstance(path, str) and bool(safe_path(path.removesuffix("/")))
    except ValueError:
        return False


def _check_module(walk: FolderWalk, module: dict[str, Any]) -> None:
    # Other modules need no files: git does not keep an empty folder, such as that of Normalize.
    if not module["type"].endswith(".Transformer"):
        return
    folder = PurePosixPath(module["path"])
    configs = ("config.json", ADAPTER_CONFIG)
    if not any(str(folder / name) in walk.files for name in configs):
        raise BadCheckpoint(
            f"{shown(walk.directory / folder)} has no config.json, although {MODULES} names a Transformer there.",
            "Save the model again: SentenceTransformer.save(DIR)",
        )
    if not _has_weights(walk, str(folder)):
        raise _no_weights(walk, str(folder))


def _has_weights(walk: FolderWalk, folder: str) -> bool:
    return any(path.endswith(".safetensors") and str(PurePosixPath(path).parent) == folder for path in walk.files)


def _no_weights(walk: FolderWalk, folder: str) -> BadCheckpoint:
    # The folder is refused either way; opening the ambiguous files now makes the reason exact.
    for path in find_pickles(walk).pickles:
        if str(PurePosixPath(path).parent) == folder:
            return pickled_only(walk.directory / path)
    where = shown(walk.directory / folder)
    inner = _inner_checkpoint(walk)
    hint = f"Name {inner}, which holds a checkpoint, or run trainer.save_model(DIR)." if inner else _SAVE
    return BadCheckpoint(f"{where} holds no weights: model.safetensors is missing.", hint)


def _not_a_checkpoint(walk: FolderWalk) -> BadCheckpoint:
    where = shown(walk.directory)
    if inner := _inner_checkpoint(walk):
        return BadCheckpoint(
            f"{where} is not a checkpoint: it has no config.json, and {inner} inside it has one.",
            f"Name {inner} instead.",
        )
    for path in find_pickles(walk).pickles:
        if "/" not in path:
            return BadCheckpoint(f"{where} holds {shown(path)}, and no config.json that says what model it is.", _SAVE)
    what = "weights without config.json" if _has_weights(walk, ".") else "no config.json and no weights"
    return BadCheckpoint(f"{where} is not a checkpoint: it holds {what}.", _SAVE)


def _inner_checkpoint(walk: FolderWalk) -> str | None:
    """Find the folder inside that the user probably meant; of the Trainer's checkpoints, the latest."""
    folders = [PurePosixPath(path).parent for path in walk.files if path.endswith(".safetensors")]
    trainer = [item.path for item in walk.exclusions if item.path.startswith("checkpoint-")]
    trainer.sort(key=lambda path: (len(path), path))  # by number: checkpoint-1000 comes after checkpoint-500
    names = [str(folder) for folder in folders if str(folder) != "."] + trainer
    return shown(walk.directory / names[-1]) if names else None


def _top(walk: FolderWalk) -> list[str]:
    return [path for path in walk.files if "/" not in path]
