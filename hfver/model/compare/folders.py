"""Folders of their own: a further adapter or model within a checkpoint, which is compared for itself.

PEFT saves further adapters into folders beside the first one, and pipelines of several models have a folder for each.
The folders of a sentence-transformers model's modules belong to the model itself.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace

from hfver.core.version import Bump
from hfver.model.checkpoint import Tensor
from hfver.model.compare.difference import Side
from hfver.model.compare.json_values import printable
from hfver.model.compare.pair import ParsedSide
from hfver.model.compare.rule import Rule, RuleMatch

__all__ = ["further_folder", "match_folder", "own_folders", "split_side"]

_CONFIGS = {"config.json": ("model_type", "_class_name"), "adapter_config.json": ("peft_type",)}
"""The files that make a folder loadable, and keys of which each has at least one."""


def own_folders(before: Side, after: Side) -> frozenset[str]:
    """Return the outermost folders of either side that hold a model or adapter of their own."""
    sides = [ParsedSide(side) for side in (before, after)]
    components = {name for side in sides for name in _components(side)}
    modules = {module for side in sides for module in _modules(side)}
    found = {folder for side in sides for folder in _loadable(side) if _holder(f"{folder}/", modules) is None}
    # A tokenizer or scheduler of a pipeline has no config that shows a model, and is a component all the same.
    found |= components
    return frozenset(folder for folder in found if _holder(folder, found) is None)


def split_side(side: Side, folders: frozenset[str]) -> dict[str, Side]:
    """Split a side into the checkpoint itself, under the empty name, and its folders of their own.

    Paths and tensor names of a folder are relative to it.
    """
    parts = {folder: Side(f"{side.name}/{folder}", {}) for folder in folders}
    parts[""] = replace(side, files={}, contents={}, tensors=())
    files: dict[str, dict[str, str]] = {name: {} for name in parts}
    contents: dict[str, dict[str, bytes]] = {name: {} for name in parts}
    tensors: dict[str, list[Tensor]] = {name: [] for name in parts}
    for path, identity in side.files.items():
        holder = _holder(path, folders) or ""
        files[holder][_below(holder, path)] = identity
        if path in side.contents:
            contents[holder][_below(holder, path)] = side.contents[path]
    for tensor in side.tensors:
        holder = _holder(tensor.file, folders) or ""
        own = replace(tensor, name=_below(holder, tensor.name), file=_below(holder, tensor.file))
        tensors[holder].append(own)
    return {
        name: replace(part, files=files[name], contents=contents[name], tensors=tuple(tensors[name]))
        for name, part in parts.items()
    }


def match_folder(folder: str, *, is_added: bool) -> RuleMatch:
    """Report a folder of its own that only one side has."""
    name = printable(folder, 200)
    if is_added:
        return RuleMatch(
            f"{folder}/", f"{name}/ was added: a further model or adapter, which nobody can depend on yet."
        )
    message = f"{name}/ was removed: code that loads this model or adapter from its folder fails."
    return RuleMatch(f"{folder}/", message, level=Bump.MAJOR)


further_folder = Rule(
    "further-folder",
    Bump.MINOR,
    change="a further adapter or model was added in a folder of its own",
    breaks="nobody",
    seen="folders with a config.json or adapter_config.json",
    levels="major where it was removed; what changes within such a folder is judged like a checkpoint of its own",
    example=(
        "A second LoRA adapter was saved to `french/`, beside the first one.",
        "Callers who do not name the folder load what they loaded before.",
    ),
)


def _components(side: ParsedSide) -> Iterator[str]:
    """Yield the folders of the components that a pipeline's index lists and that hold files."""
    folders = {path.partition("/")[0] for path in side.files if "/" in path}
    for name, value in side.object("model_index.json").items():
        if isinstance(value, list) and name in folders:
            yield name


def _modules(side: ParsedSide) -> Iterator[str]:
    listed = side.json("modules.json")
    for module in listed if isinstance(listed, list) else ():
        path = module.get("path") if isinstance(module, dict) else None
        if isinstance(path, str) and path:
            yield path.strip("/")


def _loadable(side: ParsedSide) -> Iterator[str]:
    for path in side.files:
        folder, _, name = path.rpartition("/")
        if folder and any(key in side.object(path) for key in _CONFIGS.get(name, ())):
            yield folder


def _holder(path: str, folders: Container[str]) -> str | None:
    """Return the outermost of the folders that a path is in."""
    parts = path.split("/")[:-1]
    return next((folder for end in range(len(parts)) if (folder := "/".join(parts[: end + 1])) in folders), None)


def _below(folder: str, path: str) -> str:
    return path.removeprefix(f"{folder}/") if folder else path
