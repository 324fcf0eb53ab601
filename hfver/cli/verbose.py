"""``-v`` and ``-vv``: the records of the logger ``hfver``, on stderr."""

from __future__ import annotations

import inspect
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from hfver.cli.options import VerboseOption
from hfver.core.log import logger

__all__ = ["be_verbose", "logging_to_stderr", "with_verbosity"]

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class _Stderr(logging.Handler):
    """Writes a line per record, with the seconds since the command began."""

    def __init__(self) -> None:
        super().__init__()
        self._start = time.perf_counter()

    def emit(self, record: logging.LogRecord) -> None:
        from hfver.cli.rendering.basics import shown

        seconds = time.perf_counter() - self._start
        mark = "warning:" if record.levelno >= logging.WARNING else f"{seconds:8.3f} s "
        # Looked up each time: a progress bar replaces sys.stderr while it is shown.
        sys.stderr.write(f"{mark} {shown(record.getMessage())}\n")


@contextmanager
def logging_to_stderr() -> Iterator[None]:
    """Show warnings of the logger for as long as the block lasts; :func:`be_verbose` shows more."""
    handler, level = _Stderr(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def be_verbose(count: int) -> None:
    """Show requests, retries and times from one ``-v`` on, and more from two on; never show less than before."""
    logger.setLevel(min(logger.level or logging.WARNING, _LEVELS[min(count, len(_LEVELS) - 1)]))


def with_verbosity(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option ``-v``, so that it works after the command's name too."""

    @wraps(command)
    def run(verbose: int = 0, **options: Any) -> Any:
        be_verbose(verbose)
        return command(**options)

    # typer reads names, types and defaults from the signature.
    signature = inspect.signature(command, eval_str=True)
    option = inspect.Parameter("verbose", inspect.Parameter.KEYWORD_ONLY, default=0, annotation=VerboseOption)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])  # type: ignore[attr-defined]
    run.__annotations__ = {name: one.annotation for name, one in run.__signature__.parameters.items()}  # type: ignore[attr-defined]
    return run
