"""The tensors of a folder: every file's, under names that keep them apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.checkpoint import Tensor
from hfver.model.checkpoint.hash_cache import FileFacts
from hfver.model.checkpoint.shards import Index, check_index
from hfver.model.checkpoint.untrusted_files import shown
from hfver.model.checkpoint.walk import FolderWalk

_WEIGHTS = ("model", "adapter_model", "diffusion_pytorch_model", "pytorch_lora_weights")


def name_tensors(walk: FolderWalk, indexes: Mapping[str, Index], facts: Mapping[str, FileFacts]) -> tuple[Tensor, ...]:
    """Collect the tensors of all files, sorted by name.

    Args:
        walk: The folder.
        indexes: Its indexes of sharded weights, by the path of their series.
        facts: What the pass over each file found out.

    Raises:
        BadCheckpoint: A tensor is not in the shard that its index names, or two files hold tensors of the same name.
    """
    held = {path: [t.name for t in fact.tensors] for path, fact in facts.items() if fact.tensors is not None}
    for index in indexes.values():
        check_index(walk.directory, index, held)
    main = _main_weights(walk, indexes)
    tensors: dict[str, Tensor] = {}
    for path in held:
        for tensor in _of_file(path, facts[path], path in main):
            _add(tensors, tensor, walk.directory)
    return tuple(tensors[name] for name in sorted(tensors))


def tensor_name(path: str, name: str, is_main: bool | None = None) -> str:
    """Name a tensor within its folder: as in its file, after the file's folder, or after a variant's path.

    Args:
        path: The file that holds it.
        name: Its name there.
        is_main: Whether the file belongs to the main weights; None decides by the name of the file.
    """
    pure = PurePosixPath(path)
    if is_main is None:
        is_main = re.fullmatch(rf"({'|'.join(_WEIGHTS)})(-\d+-of-\d+)?", pure.stem) is not None
    if not is_main:
        return f"{path}:{name}"
    return name if str(pure.parent) == "." else f"{pure.parent}/{name}"


def _main_weights(walk: FolderWalk, indexes: Mapping[str, Index]) -> set[str]:
    """Return the files that loading the folder, or the folder of a module, takes its weights from."""
    sharded = {
        file for series, index in indexes.items() if PurePosixPath(series).name in _WEIGHTS for file in index.values()
    }
    plain = {path for path in walk.files if path.endswith(".safetensors") and PurePosixPath(path).stem in _WEIGHTS}
    return sharded | plain


def _of_file(path: str, facts: FileFacts, is_main: bool) -> Iterator[Tensor]:
    for tensor in facts.tensors or ():
        name = tensor_name(path, tensor.name, is_main)
        yield Tensor(name, path, tensor.dtype, tensor.shape, tensor.digest, tensor.sample, tensor.sha256)


def _add(tensors: dict[str, Tensor], tensor: Tensor, directory: Path) -> None:
    twin = tensors.setdefault(tensor.name, tensor)
    if twin is not tensor:
        raise BadCheckpoint(
            f"{shown(directory / twin.file)} and {shown(tensor.file)} both hold {tensor.name[:120]!r}.",
            "Save the model again into an empty folder: model.save_pretrained(DIR)",
        )
