"""Which files the rules read: their names, and up to which size."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

__all__ = ["is_compared_name", "is_needed", "needs_content"]

_MIB = 1024 * 1024
MAX_CONFIG = 4 * _MIB
"""Size of the largest config or template that is read, in bytes; real ones have kilobytes."""
MAX_TOKENIZER = 64 * _MIB
"""Size of the largest tokenizer file that is read, in bytes; Gemma 3's tokenizer.json has 33 MB."""
SMALL = 256 * 1024
"""Files up to this size, in bytes, are read on both sides; larger ones only where they differ."""

_TOKENIZER = re.compile(r"tokenizer\.json|vocab\.(json|txt)|merges\.txt|added_tokens\.json|special_tokens_map\.json")
_CONFIG = re.compile(
    r"config\.json|generation_config\.json|tokenizer_config\.json|adapter_config\.json|(video_)?preprocessor_config\.json"
    r"|processor_config\.json|modules\.json|config_sentence_transformers\.json|sentence_bert_config\.json"
    r"|chat_template\.(jinja|json)|.*\.safetensors\.index(\..+)?\.json"
)
_TEMPLATES = "additional_chat_templates/"
# Wider than _TOKENIZER: the rules cannot read tokenizer.model, but it is a file of the tokenizer all the same.
_ANY_TOKENIZER = re.compile(r"token|vocab|merges|sentencepiece|spiece")


def is_compared_name(path: str) -> bool:
    """Return whether the rules read files of this name."""
    name = PurePosixPath(path).name
    return bool(_CONFIG.fullmatch(name) or _TOKENIZER.fullmatch(name)) or _is_template(path)


def needs_content(path: str, size: int) -> bool:
    """Return whether ``Side.contents`` must hold the bytes of a file.

    Args:
        path: Path in the repo.
        size: Size in bytes. A file too large to be what its name says is not read.
    """
    if not is_compared_name(path):
        return False
    large = bool(_TOKENIZER.fullmatch(PurePosixPath(path).name)) or (path.endswith(".json") and ".index" in path)
    return size <= (MAX_TOKENIZER if large else MAX_CONFIG)


def _is_template(path: str) -> bool:
    return _TEMPLATES in path and path.endswith(".jinja")


def is_needed(path: str, size: int, files: Mapping[str, str], others: Mapping[str, str]) -> bool:
    """Return whether the content of a file can affect a comparison: a rule reads it, and it is small or differs.

    Args:
        path: The file.
        size: Its size in bytes.
        files: The identities of all files on its side, by path.
        others: The identities of all files on the other side, by path.
    """
    if not needs_content(path, size):
        return False
    # When any file of a tokenizer differs, the rules encode texts with the whole tokenizer.
    return size <= SMALL or any(others.get(near) != files[near] for near in _related(path, files))


def _related(path: str, files: Mapping[str, str]) -> Iterator[str]:
    """Yield the files that the same rules read: those of the whole tokenizer, or the file alone."""
    folder, name = PurePosixPath(path).parent, PurePosixPath(path).name
    yield path
    if _ANY_TOKENIZER.search(name):
        for near in files:
            if PurePosixPath(near).parent == folder and _ANY_TOKENIZER.search(PurePosixPath(near).name):
                yield near
