"""Which small files rules read, and the description of a local folder."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from hfver.core.front_matter import split_front_matter
from hfver.core.manifest import CARD, digest_of
from hfver.errors import BadCheckpoint, BadConfig
from hfver.model.checkpoint import Checkpoint
from hfver.model.compare.difference import Side
from hfver.model.lineage.record import Lineage

__all__ = ["side_of_checkpoint", "wanted_name", "wanted_text"]

_MIB = 1024 * 1024
MAX_CONFIG = 4 * _MIB
"""Largest config or template that is read, in bytes; real ones have kilobytes."""
MAX_TOKENIZER = 64 * _MIB
"""Largest tokenizer file that is read, in bytes; Gemma 3's tokenizer.json has 33 MB."""

_TOKENIZER = re.compile(r"tokenizer\.json|vocab\.(json|txt)|merges\.txt|added_tokens\.json|special_tokens_map\.json")
_CONFIG = re.compile(
    r"config\.json|generation_config\.json|tokenizer_config\.json|adapter_config\.json|(video_)?preprocessor_config\.json"
    r"|processor_config\.json|modules\.json|config_sentence_transformers\.json|sentence_bert_config\.json"
    r"|chat_template\.(jinja|json)|.*\.safetensors\.index(\..+)?\.json"
)
_TEMPLATES = "additional_chat_templates/"


def wanted_name(path: str) -> bool:
    """Tell whether rules read a file of this name."""
    name = PurePosixPath(path).name
    return bool(_CONFIG.fullmatch(name) or _TOKENIZER.fullmatch(name)) or _is_template(path)


def wanted_text(path: str, size: int) -> bool:
    """Tell whether a caller must put the bytes of a file into ``Side.texts``.

    Args:
        path: Path in the repo.
        size: Size in bytes; what is too large to be what its name says is not read.
    """
    if not wanted_name(path):
        return False
    large = bool(_TOKENIZER.fullmatch(PurePosixPath(path).name)) or (path.endswith(".json") and ".index" in path)
    return size <= (MAX_TOKENIZER if large else MAX_CONFIG)


def _is_template(path: str) -> bool:
    return _TEMPLATES in path and path.endswith(".jinja")


def side_of_checkpoint(checkpoint: Checkpoint, *, lineage: Lineage | None = None) -> Side:
    """Describe a local folder, reading its small files.

    Raises:
        BadCheckpoint: A small file cannot be read any more.
    """
    readme = checkpoint.readme
    return Side(
        name=str(checkpoint.directory),
        files={path: f"sha256:{entry.sha256}" for path, entry in checkpoint.files.items()},
        texts={path: _read(checkpoint, path) for path in checkpoint.files if _is_wanted(checkpoint, path)},
        tensors=checkpoint.tensors,
        card=_metadata(readme) if readme else {},
        lineage=lineage or Lineage(),
        documents={} if readme is None else {CARD: digest_of(readme.encode())},
    )


def _is_wanted(checkpoint: Checkpoint, path: str) -> bool:
    return wanted_text(path, checkpoint.files[path].size)


def _read(checkpoint: Checkpoint, path: str) -> bytes:
    if path in checkpoint.content:
        return checkpoint.content[path]
    try:
        return (checkpoint.directory / path).read_bytes()
    except OSError as error:
        raise BadCheckpoint(f"{path!r} in {checkpoint.directory} cannot be read: {error.strerror}.") from None


def _metadata(readme: str) -> dict[str, object]:
    try:
        return split_front_matter(readme, CARD)[0]
    except BadConfig:
        return {}  # a card that cannot be read says nothing
