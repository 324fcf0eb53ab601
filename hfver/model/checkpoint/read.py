"""Reading a checkpoint folder: list it, recognise it, hash it in one pass, and check that its parts agree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from hfver.core.manifest import CARD, FileEntry
from hfver.core.progress import Progress, silent
from hfver.errors import BadCheckpoint
from hfver.model.checkpoint import remote_code as code_paths
from hfver.model.checkpoint.checkpoint import BaseHint, Checkpoint, Kind, Tensor
from hfver.model.checkpoint.front_matter import MAX_README, base_from_adapter, base_from_card, read_front_matter
from hfver.model.checkpoint.hash import Job, run
from hfver.model.checkpoint.hash_cache import HashCache, Known
from hfver.model.checkpoint.kind import ADAPTER_CONFIG, MODULES, guess, module_folders, recognise
from hfver.model.checkpoint.shards import Index, check_index, read_indexes
from hfver.model.checkpoint.untrusted_files import read_json, read_object, read_small, shown, stat_regular
from hfver.model.checkpoint.walk import Listing, check_pickles, list_folder, with_pickles

_WEIGHTS = ("model", "adapter_model")

# Those that libraries read by name; other JSON files are the author's own business.
_CONFIGS = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "adapter_config.json",
    "processor_config.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
)


def read_checkpoint(
    directory: Path, *, progress: Progress = silent, cache: HashCache | None = None, for_release: bool = True
) -> Checkpoint:
    """Read a folder as ``save_pretrained``, a Trainer, PEFT or sentence-transformers write it.

    Every byte of every file is read once, several files at a time; a file that the cache knows not at all.

    Args:
        directory: The folder; files in it may be links to files elsewhere.
        progress: Told of every portion read.
        cache: Where digests of unchanged files are found and kept (``HashCache()`` is the user's); none by
            default.
        for_release: Refuse what no release may hold. Else pickles are files like any other, and weights may be
            missing: so a folder can be compared that cannot be released.

    Raises:
        BadCheckpoint: The folder is no checkpoint, is broken or unsafe, or changes meanwhile.
    """
    listing = list_folder(directory) if for_release else with_pickles(list_folder(directory))
    kind = recognise(listing) if for_release else guess(listing)
    folders = module_folders(listing) if kind == "sentence-transformers" else (".",)
    left_out = listing.left_out + check_pickles(listing)
    indexes = read_indexes(listing)
    configs = {path: _read_config(listing, path) for path in listing.files if _is_config(path)}
    readme = _read_readme(listing)
    known = _hash(listing, progress, cache)
    return Checkpoint(
        directory=directory,
        kind=kind,
        files=_entries(listing, known),
        left_out=tuple(sorted(left_out, key=lambda item: item.path)),
        tensors=_tensors(listing, indexes, known),
        config=_pick(configs, folders, "config.json"),
        generation_config=_pick(configs, folders, "generation_config.json"),
        tokenizer_config=_pick(configs, folders, "tokenizer_config.json"),
        adapter_config=_pick(configs, folders, ADAPTER_CONFIG),
        readme=readme,
        base=_base(kind, listing, configs, readme),
        runs_code=tuple(sorted(_runs_code(listing, configs))),
        looks={path: found.stat for path, found in listing.files.items()},
    )


def check_unchanged(checkpoint: Checkpoint) -> None:
    """Make sure that the files still look on disk as they did when they were read.

    Raises:
        BadCheckpoint: One was written to, exchanged or removed meanwhile.
    """
    for path, look in checkpoint.looks.items():
        if stat_regular(checkpoint.directory / path) != look:
            raise BadCheckpoint(
                f"{shown(checkpoint.directory / path)} changed since it was read.",
                "Wait until nothing writes to the folder, then run the command again.",
            )


def _is_config(path: str) -> bool:
    return PurePosixPath(path).name in _CONFIGS


def _read_config(listing: Listing, path: str) -> dict[str, Any]:
    found = listing.files[path]
    return read_object(found.real, found.stat)


def _read_readme(listing: Listing) -> str | None:
    found = listing.generated.get(CARD)
    if found is None:
        return None
    try:
        return read_small(found.real, found.stat, MAX_README).decode()
    except UnicodeDecodeError:
        raise BadCheckpoint(f"{shown(found.real)} is not UTF-8.") from None


def _hash(listing: Listing, progress: Progress, cache: HashCache | None) -> dict[str, Known]:
    jobs = {
        path: Job(found.real, found.stat, tensors=path.endswith(".safetensors"))
        for path, found in listing.files.items()
    }
    return run(jobs, progress=progress, label="hashing", cache=cache)


def _entries(listing: Listing, known: Mapping[str, Known]) -> dict[str, FileEntry]:
    return {path: FileEntry(size=found.stat.size, sha256=known[path].sha256) for path, found in listing.files.items()}


def _tensors(listing: Listing, indexes: Mapping[str, Index], known: Mapping[str, Known]) -> tuple[Tensor, ...]:
    held = {path: [t.name for t in found.tensors] for path, found in known.items() if found.tensors is not None}
    for index in indexes.values():
        check_index(listing.directory, index, held)
    main = _main_weights(listing, indexes)
    tensors: dict[str, Tensor] = {}
    for path in held:
        for tensor in _of_file(path, known[path], path in main):
            _add(tensors, tensor, listing.directory)
    return tuple(tensors[name] for name in sorted(tensors))


def _main_weights(listing: Listing, indexes: Mapping[str, Index]) -> set[str]:
    """Name the files that loading the folder, or a module's folder, takes its weights from."""
    sharded = {
        file for series, index in indexes.items() if PurePosixPath(series).name in _WEIGHTS for file in index.values()
    }
    plain = {path for path in listing.files if path.endswith(".safetensors") and PurePosixPath(path).stem in _WEIGHTS}
    return sharded | plain


def _of_file(path: str, known: Known, is_main: bool) -> Iterator[Tensor]:
    for tensor in known.tensors or ():
        yield Tensor(tensor_name(path, tensor.name, is_main), path, tensor.dtype, tensor.shape, tensor.digest)


def tensor_name(path: str, name: str, is_main: bool | None = None) -> str:
    """Name a tensor within its folder: as in its file, after the file's folder, or after a variant's path.

    Args:
        path: The file that holds it.
        name: Its name there.
        is_main: Whether the file belongs to the main weights; None tells by its name.
    """
    pure = PurePosixPath(path)
    if is_main is None:
        is_main = re.fullmatch(rf"({'|'.join(_WEIGHTS)})(-\d+-of-\d+)?", pure.stem) is not None
    if not is_main:
        return f"{path}:{name}"
    return name if str(pure.parent) == "." else f"{pure.parent}/{name}"


def _add(tensors: dict[str, Tensor], tensor: Tensor, directory: Path) -> None:
    twin = tensors.setdefault(tensor.name, tensor)
    if twin is not tensor:
        raise BadCheckpoint(
            f"{shown(directory / twin.file)} and {shown(tensor.file)} both hold {tensor.name[:120]!r}.",
            "Save the model again into an empty folder: model.save_pretrained(DIR)",
        )


def _pick(configs: Mapping[str, Mapping[str, Any]], folders: tuple[str, ...], name: str) -> Mapping[str, Any]:
    paths = (str(PurePosixPath(folder) / name) for folder in (*folders, "."))
    return next((configs[path] for path in paths if path in configs), {})


def _base(kind: Kind, listing: Listing, configs: Mapping[str, dict[str, Any]], readme: str | None) -> BaseHint | None:
    if kind == "adapter" and ADAPTER_CONFIG in configs and (base := base_from_adapter(configs[ADAPTER_CONFIG])):
        return base
    return base_from_card(read_front_matter(readme, listing.directory / CARD)) if readme else None


def _runs_code(listing: Listing, configs: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    yield from code_paths.code_files(listing.files)
    for path, config in configs.items():
        yield from code_paths.code_settings(path, config)
    if MODULES in listing.files:
        found = listing.files[MODULES]
        yield from code_paths.module_types(MODULES, read_json(found.real, found.stat))
