"""The indexes of sharded weights, and whether they agree with the shards and the tensors in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.untrusted_files import parse_object, shown
from hfver.model.checkpoint.walk import FolderWalk

MAX_INDEX = 32 * 1024 * 1024
"""Largest index that is parsed, in bytes."""

_INDEX = re.compile(r"(?P<stem>.+)\.safetensors\.index(?P<variant>\.[^.]+)?\.json")
_SHARD = re.compile(r"(?P<series>.+)-\d+-of-\d+\.safetensors")
_AGAIN = "Save the model again: model.save_pretrained(DIR)"

Index = Mapping[str, str]
"""Path of the shard by name of the tensor."""


def read_indexes(walk: FolderWalk, content: Mapping[str, bytes]) -> dict[str, Index]:
    """Read every index of the folder, by the path of its series (``model`` for ``model-00001-of-00002…``).

    Args:
        walk: The folder.
        content: The bytes of its small files.

    Raises:
        BadCheckpoint: An index is broken, a shard that it names is missing, or a shard is in no index.
    """
    indexes = {series: _read(walk, path, content[path]) for path in walk.files if (series := _series_of_index(path))}
    for series, index in indexes.items():
        _check_no_stray(walk, series, set(index.values()))
    _check_indexed(walk, indexes)
    return indexes


def is_index(path: str) -> bool:
    """Return whether a file has the name of an index."""
    return _series_of_index(path) is not None


def check_index(directory: Path, index: Index, held: Mapping[str, Iterable[str]]) -> None:
    """Check that every tensor of an index is in the shard that the index names.

    Args:
        directory: The folder, for messages.
        index: Path of the shard by name of the tensor.
        held: Names of the tensors in each file.

    Raises:
        BadCheckpoint: A tensor is not in its shard.
    """
    names = {file: set(held[file]) for file in set(index.values())}
    for tensor, file in index.items():
        if tensor not in names[file]:
            raise BadCheckpoint(
                f"{shown(directory / file)} lacks the tensor {tensor[:120]!r}, which the index lists there.",
                _AGAIN,
            )


def _series_of_index(path: str) -> str | None:
    pure = PurePosixPath(path)
    match = _INDEX.fullmatch(pure.name)
    return str(pure.parent / f"{match['stem']}{match['variant'] or ''}") if match else None


def _read(walk: FolderWalk, path: str, content: bytes) -> Index:
    file, folder = walk.files[path].path, PurePosixPath(path).parent
    weight_map = parse_object(file, content).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise BadCheckpoint(f"{shown(file)} is broken: it has no weight_map.", _AGAIN)
    for name in weight_map.values():
        # A name with a slash would lead out of the folder, so only a plain one can be a file next to it.
        if not isinstance(name, str) or "/" in name or str(folder / name) not in walk.files:
            raise BadCheckpoint(f"{shown(file)} names the shard {str(name)[:120]!r}, which is missing.", _AGAIN)
        if not name.endswith(".safetensors"):
            raise BadCheckpoint(f"{shown(file)} names {name[:120]!r}, which is not a safetensors file.", _AGAIN)
    return {tensor: str(folder / name) for tensor, name in weight_map.items()}


def _check_no_stray(walk: FolderWalk, series: str, shards: set[str]) -> None:
    for path in _of_series(walk.files, series):
        if path not in shards:
            raise BadCheckpoint(
                f"{shown(walk.directory / path)} is in no index: it is left over from an earlier save.",
                "Remove it, or save the model again into an empty folder.",
            )


def _of_series(paths: Iterable[str], series: str) -> Iterator[str]:
    # The unsharded file of the same name belongs to the series too: loaders prefer it even if there is an index.
    for path in paths:
        match = _SHARD.fullmatch(path)
        if path == f"{series}.safetensors" or (match and match["series"] == series):
            yield path


def _check_indexed(walk: FolderWalk, indexes: Mapping[str, Index]) -> None:
    for path in walk.files:
        match = _SHARD.fullmatch(path)
        if match and match["series"] not in indexes:
            raise BadCheckpoint(
                f"{shown(walk.directory / path)} is a shard, and {match['series']}.safetensors.index.json is missing.",
                _AGAIN,
            )
