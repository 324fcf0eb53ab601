"""What the small files of a folder say about it: configs, shard indexes, modules and the base model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from hfver.core.front_matter import split_front_matter
from hfver.core.manifest import CARD
from hfver.errors import BadCheckpoint, BadConfig
from hfver.model.checkpoint.base_hint import base_from_adapter, base_from_card, prefer_exact
from hfver.model.checkpoint.checkpoint import BaseHint, Kind
from hfver.model.checkpoint.kind import ADAPTER_CONFIG, MODULES, PIPELINE, check_components, module_folders
from hfver.model.checkpoint.shards import MAX_INDEX, Index, is_index, read_indexes
from hfver.model.checkpoint.untrusted_files import MAX_JSON, check_size, parse_object, shown
from hfver.model.checkpoint.walk import FolderWalk

# Those that libraries read by name; the content of other JSON files is up to the author.
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
    "model_index.json",
)


@dataclass(frozen=True)
class Description:
    """What the small files say about a folder.

    Attributes:
        folders: Where the library looks for configs, the first place first.
        indexes: The indexes of sharded weights, by the path of their series.
        configs: The parsed configs by path.
        base: What the model was made from.
    """

    folders: tuple[str, ...]
    indexes: Mapping[str, Index]
    configs: Mapping[str, dict[str, Any]]
    base: BaseHint | None

    def config(self, name: str) -> Mapping[str, Any]:
        """Return the config of this name that the library uses, or an empty one."""
        paths = (str(PurePosixPath(folder) / name) for folder in (*self.folders, "."))
        return next((self.configs[path] for path in paths if path in self.configs), {})


def check_sizes(walk: FolderWalk) -> None:
    """Check the sizes of the files that are to be parsed, before anything is read.

    Raises:
        BadCheckpoint: One is far too large for what its name says.
    """
    for path, file in walk.files.items():
        if is_index(path):
            check_size(file.path, file.stamp.size, MAX_INDEX)
        elif _is_config(path) or path == MODULES:
            check_size(file.path, file.stamp.size, MAX_JSON)


def describe(
    walk: FolderWalk,
    kind: Kind,
    content: Mapping[str, bytes],
    loaded_from: BaseHint | None = None,
    *,
    for_release: bool,
) -> Description:
    """Parse the small files of a folder.

    Args:
        walk: The folder.
        kind: What wrote it.
        content: The bytes of its small files, by path.
        loaded_from: The release that ``hfver.load`` built the model from, if a config says so.
        for_release: Whether the folder is to be released; if not, a card that cannot be parsed is ignored.

    Raises:
        BadCheckpoint: A file is broken, or does not agree with the others.
    """
    folders = module_folders(walk, content[MODULES]) if kind == "sentence-transformers" else (".",)
    indexes = read_indexes(walk, content)
    configs = {path: parse_object(walk.files[path].path, content[path]) for path in walk.files if _is_config(path)}
    base = prefer_exact(_base(walk, content, for_release=for_release), loaded_from)
    if kind == "pipeline" and for_release:
        check_components(walk, configs[PIPELINE])
    if kind == "adapter":
        base = base_from_adapter(configs.get(ADAPTER_CONFIG, {})) or base
    return Description(folders, indexes, configs, base)


def _is_config(path: str) -> bool:
    return PurePosixPath(path).name in _CONFIGS


def _base(walk: FolderWalk, content: Mapping[str, bytes], *, for_release: bool) -> BaseHint | None:
    where = shown(walk.directory / CARD)
    try:
        readme = content.get(CARD, b"").decode()
    except UnicodeDecodeError:
        raise BadCheckpoint(f"{where} is not UTF-8.") from None
    try:
        return base_from_card(split_front_matter(readme, where)[0])
    except BadConfig as error:
        if for_release:
            raise BadCheckpoint(error.message, error.hint) from None
        return None  # what cannot be parsed says nothing; the card is still compared as a file
