"""Indexes of sharded weights: that they, the shards, and the tensors in them agree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.untrusted_files import read_object, shown
from hfver.model.checkpoint.walk import Found, Listing

_INDEX = re.compile(r"(?P<stem>.+)\.safetensors\.index(?P<variant>\.[^.]+)?\.json")
_SHARD = re.compile(r"(?P<series>.+)-\d+-of-\d+\.safetensors")
_MAX_INDEX = 32 * 1024 * 1024
_AGAIN = "Save the model again: model.save_pretrained(DIR)"

Index = Mapping[str, str]
"""Path of the shard by name of the tensor."""


def read_indexes(listing: Listing) -> dict[str, Index]:
    """Read every index of the folder, by the path of its series (``model`` for ``model-00001-of-00002…``).

    Raises:
        BadCheckpoint: An index is broken, a shard that it names is missing, or a shard is in no index.
    """
    indexes = {
        series: _read(listing, path, found)
        for path, found in listing.files.items()
        if (series := _series_of_index(path))
    }
    for series, index in indexes.items():
        _check_no_stray(listing, series, set(index.values()))
    _check_indexed(listing, indexes)
    return indexes


def check_index(directory: Path, index: Index, held: Mapping[str, Iterable[str]]) -> None:
    """Check that every tensor of an index is in the shard that the index names.

    Args:
        directory: The folder, for messages.
        index: Path of the shard by name of the tensor.
        held: Names of the tensors in each file.

    Raises:
        BadCheckpoint: One is not.
    """
    names = {file: set(held[file]) for file in set(index.values())}
    for tensor, file in index.items():
        if tensor not in names[file]:
            raise BadCheckpoint(
                f"{shown(directory / file)} lacks the tensor {tensor[:120]!r} that the index promises.",
                _AGAIN,
            )


def _series_of_index(path: str) -> str | None:
    pure = PurePosixPath(path)
    match = _INDEX.fullmatch(pure.name)
    return str(pure.parent / f"{match['stem']}{match['variant'] or ''}") if match else None


def _read(listing: Listing, path: str, found: Found) -> Index:
    weight_map = read_object(found.real, found.stat, _MAX_INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise BadCheckpoint(f"{shown(found.real)} is broken: it has no weight_map.", _AGAIN)
    folder = PurePosixPath(path).parent
    for name in weight_map.values():
        # A name with a slash would lead out of the folder, so only a plain one can be a file next to it.
        if not isinstance(name, str) or "/" in name or str(folder / name) not in listing.files:
            raise BadCheckpoint(f"{shown(found.real)} names the shard {str(name)[:120]!r}, which is not there.", _AGAIN)
        if not name.endswith(".safetensors"):
            raise BadCheckpoint(f"{shown(found.real)} names {name[:120]!r}, which is no safetensors file.", _AGAIN)
    return {tensor: str(folder / name) for tensor, name in weight_map.items()}


def _check_no_stray(listing: Listing, series: str, shards: set[str]) -> None:
    for path in _of_series(listing.files, series):
        if path not in shards:
            raise BadCheckpoint(
                f"{shown(listing.directory / path)} is in no index: it is left over from an earlier save.",
                "Remove it, or save the model again into an empty folder.",
            )


def _of_series(paths: Iterable[str], series: str) -> Iterator[str]:
    # The unsharded file of the same name is of the series too: loaders take it first, index or not.
    for path in paths:
        match = _SHARD.fullmatch(path)
        if path == f"{series}.safetensors" or (match and match["series"] == series):
            yield path


def _check_indexed(listing: Listing, indexes: Mapping[str, Index]) -> None:
    for path in listing.files:
        match = _SHARD.fullmatch(path)
        if match and match["series"] not in indexes:
            raise BadCheckpoint(
                f"{shown(listing.directory / path)} is a shard, and {match['series']}.safetensors.index.json"
                " is missing.",
                _AGAIN,
            )
