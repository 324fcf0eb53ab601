"""Telling from the names of its files what kind of checkpoint a folder is."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from hfver.core.manifest import safe_path
from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.checkpoint import Kind
from hfver.model.checkpoint.untrusted_files import read_json, shown
from hfver.model.checkpoint.walk import Listing, pickled_only

ADAPTER_CONFIG = "adapter_config.json"
MODULES = "modules.json"

_SAVE = "Name the folder that model.save_pretrained(DIR) or trainer.save_model(DIR) wrote."


def recognise(listing: Listing) -> Kind:
    """Tell the kind of a folder whose files are listed.

    Raises:
        BadCheckpoint: It is none, or two at once; says what is missing.
    """
    if MODULES in listing.files:
        return "sentence-transformers"
    if ADAPTER_CONFIG in listing.files:
        _check_adapter(listing)
        return "adapter"
    if "config.json" in listing.files:
        _check_model(listing)
        return "model"
    raise _unrecognised(listing)


def guess(listing: Listing) -> Kind:
    """Tell the kind of a folder that need not be whole.

    Raises:
        BadCheckpoint: Nothing in it belongs to a checkpoint.
    """
    marks: dict[str, Kind] = {MODULES: "sentence-transformers", ADAPTER_CONFIG: "adapter", "config.json": "model"}
    for name, kind in marks.items():
        if name in listing.files:
            return kind
    raise _unrecognised(listing)


def module_folders(listing: Listing) -> tuple[str, ...]:
    """Name the folders of the modules that ``modules.json`` lists, in order; ``.`` is the checkpoint's own.

    Raises:
        BadCheckpoint: The list is broken, or a module that needs weights and a config lacks one of them.
    """
    found = listing.files[MODULES]
    modules = read_json(found.real, found.stat)
    if not isinstance(modules, list) or not modules or not all(_is_module(module) for module in modules):
        raise BadCheckpoint(
            f"{shown(found.real)} is broken: it does not list modules with type and path.",
            "Save the model again: SentenceTransformer.save(DIR)",
        )
    for module in modules:
        _check_module(listing, module)
    if not any(path.endswith(".safetensors") for path in listing.files):
        raise _no_weights(listing, ".")
    return tuple(str(PurePosixPath(module["path"])) for module in modules)


def _check_model(listing: Listing) -> None:
    if not _has_weights(listing, "."):
        raise _no_weights(listing, ".")


def _check_adapter(listing: Listing) -> None:
    if "adapter_model.safetensors" not in listing.files:
        if "adapter_model.bin" in listing.pickles:
            raise pickled_only(listing.directory / "adapter_model.bin")
        raise BadCheckpoint(
            f"{shown(listing.directory)} holds {ADAPTER_CONFIG}, and adapter_model.safetensors is missing.",
            "Save the adapter again: peft_model.save_pretrained(DIR)",
        )
    if any(path.startswith("model") and path.endswith(".safetensors") for path in _top(listing)):
        raise BadCheckpoint(
            f"{shown(listing.directory)} holds a full model and an adapter; a release is one of them.",
            "Keep either model*.safetensors with config.json, or the adapter_* files, in the folder.",
        )


def _is_module(module: Any) -> bool:
    if not isinstance(module, dict) or not isinstance(module.get("type"), str):
        return False
    path = module.get("path")
    if path == "":
        return True
    try:
        return isinstance(path, str) and bool(safe_path(path.removesuffix("/")))
    except ValueError:
        return False


def _check_module(listing: Listing, module: dict[str, Any]) -> None:
    # Other modules need no files: an empty folder (as of Normalize) does not survive git.
    if not module["type"].endswith(".Transformer"):
        return
    folder = PurePosixPath(module["path"])
    configs = ("config.json", ADAPTER_CONFIG)
    if not any(str(folder / name) in listing.files for name in configs):
        raise BadCheckpoint(
            f"{shown(listing.directory / folder)} has no config.json, which {MODULES} needs there.",
            "Save the model again: SentenceTransformer.save(DIR)",
        )
    if not _has_weights(listing, str(folder)):
        raise _no_weights(listing, str(folder))


def _has_weights(listing: Listing, folder: str) -> bool:
    return any(path.endswith(".safetensors") and str(PurePosixPath(path).parent) == folder for path in listing.files)


def _no_weights(listing: Listing, folder: str) -> BadCheckpoint:
    for path in listing.pickles:
        if str(PurePosixPath(path).parent) == folder:
            return pickled_only(listing.directory / path)
    where = shown(listing.directory / folder)
    inner = _inner_checkpoint(listing)
    hint = f"Name {inner}, which holds a checkpoint, or run trainer.save_model(DIR)." if inner else _SAVE
    return BadCheckpoint(f"{where} holds no weights: model.safetensors is missing.", hint)


def _unrecognised(listing: Listing) -> BadCheckpoint:
    where = shown(listing.directory)
    if inner := _inner_checkpoint(listing):
        return BadCheckpoint(
            f"{where} is not a checkpoint: it has no config.json, and {inner} within it holds one.",
            f"Name {inner} instead.",
        )
    for path in listing.pickles:
        if "/" not in path:
            return BadCheckpoint(f"{where} holds {shown(path)}, and no config.json to say what model it is.", _SAVE)
    what = "weights without config.json" if _has_weights(listing, ".") else "no config.json and no weights"
    return BadCheckpoint(f"{where} is not a checkpoint: it holds {what}.", _SAVE)


def _inner_checkpoint(listing: Listing) -> str | None:
    """Find a folder within, the latest by number, that looks like what the user meant."""
    folders = [PurePosixPath(path).parent for path in listing.files if path.endswith(".safetensors")]
    trainer = [item.path for item in listing.left_out if item.path.startswith("checkpoint-")]
    trainer.sort(key=lambda path: (len(path), path))
    names = [str(folder) for folder in folders if str(folder) != "."] + trainer
    return shown(listing.directory / names[-1]) if names else None


def _top(listing: Listing) -> list[str]:
    return [path for path in listing.files if "/" not in path]
