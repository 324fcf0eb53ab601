"""Keeping third-party libraries from writing to the user's terminal, and turning what they raise into our errors."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hfver.errors import BadCheckpoint, HfverError, UsageError
from hfver.model.child import JobRaised
from hfver.model.runtime.device import import_torch
from hfver.model.runtime.missing_library import LibraryMissing, how_to_install
from hfver.model.runtime.tokenizer_child import TokenizerFailed

LIBRARIES = ("transformers", "diffusers", "peft", "accelerate", "sentence_transformers", "huggingface_hub", "torch")
ABOVE_CRITICAL = logging.CRITICAL + 1


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the libraries' progress bars, log lines and Python warnings; restore all three afterwards."""
    with warnings.catch_warnings(), _no_progress_bars(), _no_log_lines():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def errors_translated(directory: Path, device: str) -> Iterator[None]:
    """Translate whatever the libraries raise while they load a folder.

    Raises:
        LibraryMissing: A library is not installed. The folder is not to blame.
        OutOfMemory: There is not enough memory. The folder is not to blame.
        BadCheckpoint: Anything else.
    """
    torch = import_torch()
    try:
        yield
    except HfverError:
        raise
    except TokenizerFailed as failure:
        message = str(failure)
        raise BadCheckpoint(f"{directory}: {message[:1].lower()}{message[1:]}", failure.remedy) from None
    except (torch.cuda.OutOfMemoryError, MemoryError):
        hint = "Use --device cpu or a smaller --dtype, or free some memory."
        raise OutOfMemory(f"{directory}: the model does not fit into the memory of {device}.", hint) from None
    except (ImportError, JobRaised) as error:
        if isinstance(error, JobRaised) and not error.library_missing:
            raise _not_loadable(directory, error) from None
        raise _library_missing(directory, error) from error
    except Exception as error:
        # transformers raises a ValueError, not an ImportError, where some libraries are missing.
        if "but it was not found in your environment" in str(error):
            raise _library_missing(directory, error) from error
        raise _not_loadable(directory, error) from error


class OutOfMemory(UsageError):
    """A model does not fit into the memory of the device."""


def _library_missing(directory: Path, error: Exception) -> LibraryMissing:
    message = f"{directory}: loading it requires a library: {first_line(error)}"
    return LibraryMissing(message, how_to_install(f"{error} {getattr(error, 'name', None) or ''}"))


def _not_loadable(directory: Path, error: Exception) -> BadCheckpoint:
    hint = "Load it with transformers to see the whole error, then save it again."
    return BadCheckpoint(f"{directory}: the model cannot be loaded: {first_line(error)}", hint)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, with the error's type if the line is a single word."""
    kind = error.kind if isinstance(error, JobRaised) else type(error).__name__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return kind
    # torch and PEFT put the cause on the second line: "Error(s) in loading state_dict for X:".
    message = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
    return message if " " in message else f"{kind}: {message}"


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    from transformers.utils import logging as library_logging

    switches: Any = library_logging

    were_on = switches.is_progress_bar_enabled()
    switches.disable_progress_bar()
    try:
        yield
    finally:
        if were_on:
            switches.enable_progress_bar()


@contextmanager
def _no_log_lines() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in LIBRARIES]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(ABOVE_CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
