"""Loading what turns text, images and audio into tensors: tokenizer and processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hfver.model.checkpoint.tokenizer_files import TOKENIZER_FILES
from hfver.model.runtime.loaded import LoadRequest

PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json")


def has_tokenizer(directory: Path) -> bool:
    """Return whether a folder contains its own tokenizer."""
    return any((directory / name).is_file() for name in TOKENIZER_FILES)


def load_tokenizer(request: LoadRequest) -> Any | None:
    """Load the folder's tokenizer; return None if it has none."""
    from transformers import AutoTokenizer

    if not has_tokenizer(request.directory):
        return None
    return AutoTokenizer.from_pretrained(request.directory, **request.local_arguments)


def load_processor(request: LoadRequest) -> Any | None:
    """Load the folder's processor for images, audio or several inputs at once; return None if it has none."""
    import transformers

    if not any((request.directory / name).is_file() for name in PROCESSOR_FILES):
        return None
    processors: Any = transformers.AutoProcessor
    return processors.from_pretrained(request.directory, **request.local_arguments)
