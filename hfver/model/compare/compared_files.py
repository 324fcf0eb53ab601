"""Which files the rules read: their names, and up to which size."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

__all__ = ["is_compared_name", "is_needed", "is_tokenizer_file", "needs_content"]

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
    r"|processor_config\.json|modules\.json|(modular_)?model_index\.json|scheduler_config\.json|config_sentence_transformers\.json|sentence_bert_config\.json"
    r"|chat_template\.(jinja|json)|.*\.safetensors\.index(\..+)?\.json"
)
_TEMPLATES = "additional_chat_templates/"
_ANY_TOKENIZER = re.compile(
    r"[^/]*(token|vocab|merges|sentencepiece|spiece)[^/]*\.(json|txt|model)|[^/]*\.(model|spm|bpe|codes|tiktoken|vocab)"
)
"""Wider than _TOKENIZER: files that hfver cannot read itself, and that a tokenizer is loaded from all the same."""


def is_compared_name(path: str) -> bool:
    """Return whether the rules read files of this name."""
    name = PurePosixPath(path).name
    return bool(_CONFIG.fullmatch(name) or _TOKENIZER.fullmatch(name)) or _is_template(path)


def is_tokenizer_file(path: str) -> bool:
    """Return whether a tokenizer may be loaded from a file of this name."""
    return bool(_ANY_TOKENIZER.fullmatch(PurePosixPath(path).name))


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
    if not needs_content(path, size) and not _is_vocabulary(path, size, files):
        return False
    # When any file of a tokenizer differs, the whole tokenizer is loaded.
    return size <= SMALL or any(files.get(near) != others.get(near) for near in _related(path, {**others, **files}))


def _is_vocabulary(path: str, size: int, files: Mapping[str, str]) -> bool:
    """Return whether the tokens are in this file alone: where there is a tokenizer.json, loaders take that."""
    beside = str(PurePosixPath(path).with_name("tokenizer.json"))
    return is_tokenizer_file(path) and beside not in files and size <= MAX_TOKENIZER


def _related(path: str, files: Mapping[str, str]) -> Iterator[str]:
    """Yield the files that the same rules read: those of the whole tokenizer, or the file alone."""
    folder = PurePosixPath(path).parent
    yield path
    if is_tokenizer_file(path):
        yield from (near for near in files if PurePosixPath(near).parent == folder and is_tokenizer_file(near))
