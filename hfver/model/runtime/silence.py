"""Keeping the talk of third-party libraries away from the user's terminal, and their errors readable."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hfver.errors import BadCheckpoint, HfverError, UsageError
from hfver.model.runtime.device import import_torch

TALKERS = ("peft", "accelerate", "sentence_transformers", "huggingface_hub", "torch")
ABOVE_ALL = logging.CRITICAL + 1


@contextmanager
def quiet() -> Iterator[None]:
    """Silence progress bars, log lines and Python warnings of the libraries; restore all of it afterwards."""
    with warnings.catch_warnings(), _no_bars(), _no_log_lines():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def blaming(directory: Path, device: str) -> Iterator[None]:
    """Translate whatever the libraries raise while opening a folder.

    Raises:
        UsageError: A library is missing, or the memory does not suffice: not the folder's fault.
        BadCheckpoint: Anything else.
    """
    torch = import_torch()
    try:
        yield
    except HfverError:
        raise
    except (torch.cuda.OutOfMemoryError, MemoryError):
        hint = "Use --device cpu, a smaller --dtype, or free the memory."
        raise UsageError(f"{directory}: the model does not fit into the memory of {device}.", hint) from None
    except ImportError as error:
        raise UsageError(f"{directory}: opening it needs a library: {first_line(error)}") from error
    except Exception as error:
        hint = "Load it once with transformers to see the whole error, and save it again."
        raise BadCheckpoint(f"{directory}: the model cannot be loaded: {first_line(error)}", hint) from error


def first_line(error: BaseException) -> str:
    """Return the first line of an error, with its type where that says too little."""
    kind = type(error).__name__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return kind
    said = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
    return said if " " in said else f"{kind}: {said}"


@contextmanager
def _no_bars() -> Iterator[None]:
    from transformers.utils import logging

    talk: Any = logging

    had_bars = talk.is_progress_bar_enabled()
    talk.disable_progress_bar()
    try:
        yield
    finally:
        if had_bars:
            talk.enable_progress_bar()


@contextmanager
def _no_log_lines() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("transformers", *TALKERS)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(ABOVE_ALL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
