"""What kind of checkpoint a folder is, by the names of its files."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from hfver.core.manifest import safe_path
from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.checkpoint import Kind
from hfver.model.checkpoint.untrusted_files import parse_json, shown
from hfver.model.checkpoint.walk import FolderWalk, find_pickles, pickled_only

ADAPTER_CONFIG = "adapter_config.json"
MODULES = "modules.json"

_SAVE = "Name the folder that model.save_pretrained(DIR) or trainer.save_model(DIR) wrote."


def kind_of(walk: FolderWalk) -> Kind:
    """Return the kind of a folder that is to be released.

    Raises:
        BadCheckpoint: It is not a checkpoint, or two at once; the message says what is missing.
    """
    # Folders of the first two kinds may have a config.json as well, so the most specific file decides.
    if MODULES in walk.files:
        return "sentence-transformers"
    if ADAPTER_CONFIG in walk.files:
        _check_adapter(walk)
        return "adapter"
    if "config.json" in walk.files:
        if not _has_weights(walk, "."):
            raise _no_weights(walk, ".")
        return "model"
    raise _not_a_checkpoint(walk)


def likely_kind(walk: FolderWalk) -> Kind:
    """Return the kind of a folder that need not be complete.

    Raises:
        BadCheckpoint: No file in it belongs to a checkpoint.
    """
    marks: dict[str, Kind] = {MODULES: "sentence-transformers", ADAPTER_CONFIG: "adapter", "config.json": "model"}
    for name, kind in marks.items():
        if name in walk.files:
            return kind
    raise _not_a_checkpoint(walk)


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
