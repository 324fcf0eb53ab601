"""Loading what turns text, images and audio into tensors: tokenizer and processor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hfver.model.checkpoint.tokenizer_files import TOKENIZER_FILES
from hfver.model.child import JobRaised
from hfver.model.runtime.loaded import LoadedModel, LoadRequest
from hfver.model.runtime.tokenizer_child import TokenizerChild

PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json")


def has_tokenizer(directory: Path) -> bool:
    """Return whether a folder contains its own tokenizer."""
    return any((directory / name).is_file() for name in TOKENIZER_FILES)


def has_processor(directory: Path) -> bool:
    """Return whether a folder contains a processor for images, audio or several inputs at once."""
    return any((directory / name).is_file() for name in PROCESSOR_FILES)


def load_tokenizer(request: LoadRequest) -> Any | None:
    """Load the folder's tokenizer; return None if it has none.

    Where the request has a child process, the tokenizer stays there, and a `ChildTokenizer` is returned.
    """
    if not has_tokenizer(request.directory):
        return None
    if request.child is not None:
        return request.child.load_tokenizer(request.directory)
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(request.directory, **request.local_arguments)


def load_processor(request: LoadRequest) -> Any | None:
    """Load the folder's processor for images, audio or several inputs at once; return None if it has none.

    Where the request has a child process, None is returned: `missing_library` tries the processor there.
    """
    if not has_processor(request.directory):
        return None
    if request.child is not None:
        return None
    if not has_tokenizer(request.directory):
        return _load_part(request)
    import transformers

    processors: Any = transformers.AutoProcessor
    return processors.from_pretrained(request.directory, **request.local_arguments)


def missing_library(request: LoadRequest) -> str:
    """Try the folder's processor in the child process; return the message of a library that it lacks, or nothing.

    What the processor's class makes of pictures and sound is not needed to run a model on made ones.
    """
    if request.child is None or not has_processor(request.directory):
        return ""
    try:
        request.child.check_processor(request.directory)
    except JobRaised as error:
        if not error.library_missing:
            raise
        return str(error)
    return ""


def _load_part(request: LoadRequest) -> Any:
    """Load what there is of a processor without its tokenizer: for pictures, for sound or for films."""
    import transformers

    names = ("AutoProcessor", "AutoFeatureExtractor", "AutoImageProcessor", "AutoVideoProcessor")
    errors: list[Exception] = []
    for name in names:
        try:
            return getattr(transformers, name).from_pretrained(request.directory, **request.local_arguments)
        except Exception as error:  # each class has its own way to say that this is not its kind
            errors.append(error)
    raise errors[0]


def with_tokenizer(loaded: LoadedModel, child: TokenizerChild | None) -> LoadedModel:
    """Load tokenizer and processor again, in a child process or, for None, here."""
    tokenizer, processor = (
        source and replace(source, child=child) for source in (loaded.tokenizer_from, loaded.processor_from)
    )
    return replace(
        loaded,
        tokenizer=load_tokenizer(tokenizer) if tokenizer else None,
        processor=load_processor(processor) if processor else None,
        processor_missing=missing_library(processor) if processor else "",
    )
