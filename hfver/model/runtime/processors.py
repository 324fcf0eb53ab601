"""Opening what turns words, pictures and sound into numbers: tokenizer and processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hfver.model.runtime.opened import Opening

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.txt",
    "vocab.json",
    "tekken.json",
)
PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json")


def has_tokenizer(directory: Path) -> bool:
    """Tell whether a folder brings its own tokenizer."""
    return any((directory / name).is_file() for name in TOKENIZER_FILES)


def open_tokenizer(opening: Opening) -> Any | None:
    """Open the folder's tokenizer; None if it has none."""
    from transformers import AutoTokenizer

    if not has_tokenizer(opening.directory):
        return None
    return AutoTokenizer.from_pretrained(opening.directory, **opening.local)


def open_processor(opening: Opening) -> Any | None:
    """Open the folder's processor for pictures, sound or several at once; None if it has none."""
    import transformers

    if not any((opening.directory / name).is_file() for name in PROCESSOR_FILES):
        return None
    processors: Any = transformers.AutoProcessor
    return processors.from_pretrained(opening.directory, **opening.local)
