"""The entry point: the one place where errors become output and exit codes."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing would double the time of the help
    from typing import Any

    from hfver.errors import HfverError

__all__ = ["main"]

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C stopped, as shells have it: 128 and the number of the signal."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What follows ``hfver``; None for that of the process.

    Returns:
        The exit code: 0 done, 1 refused or failed check, 2 usage, 3 verification, 4 Hub, 130 interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments in (["--help"], ["-h"]) and "_HFVER_COMPLETE" not in os.environ:
        from hfver.cli.root_help import root_help

        sys.stdout.write(root_help())
        return 0
    from hfver.errors import HfverError

    as_json = "--json" in arguments
    try:
        return _run(arguments, as_json)
    except HfverError as error:
        return _fail(type(error).__name__, error.message, error.hint, error.exit_code, as_json)
    except KeyboardInterrupt:
        hint = "Run the same command again: it goes on where it stopped."
        return _fail("Interrupted", "Interrupted.", hint, INTERRUPTED, as_json)
    except BrokenPipeError:
        # The reader of our output is gone. Without this, Python would report that once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("HFVER_DEBUG"):
            raise
        if isinstance(error, OSError) and (known := _disk_error(error)):
            return _fail(type(known).__name__, known.message, known.hint, known.exit_code, as_json)
        message = f"hfver ran into an error that it did not expect: {type(error).__name__}: {error}"
        hint = "Set HFVER_DEBUG=1 to see where it happened, and report it."
        return _fail("InternalError", message, hint, 1, as_json)


def _disk_error(error: OSError) -> HfverError | None:
    """Explain an error of a disk that was not expected where it happened."""
    from hfver.core.disk import explain

    return explain(error)


def _run(arguments: list[str], as_json: bool) -> int:
    import warnings

    import typer

    from hfver.cli.app import app
    from hfver.cli.verbose import logging_to_stderr
    from hfver.core.deprecation import HfverDeprecationWarning
    from hfver.core.platform import check_platform

    check_platform()
    warnings.showwarning = _show_warning
    warnings.simplefilter("default", HfverDeprecationWarning)  # Python hides it outside __main__
    click_error: type[Exception]
    usage_error, click_error = typer.BadParameter.__mro__[1:3]
    try:
        with logging_to_stderr():
            result: Any = app(arguments, prog_name="hfver", standalone_mode=False)
    except click_error as error:
        return _misused(error, isinstance(error, usage_error), as_json)
    except typer.Abort:
        raise KeyboardInterrupt from None
    if result == INTERRUPTED:  # what typer makes of Ctrl-C
        raise KeyboardInterrupt
    return result if isinstance(result, int) else 0


def _misused(error: Any, has_context: bool, as_json: bool) -> int:
    """Render an error of the command line's parser, which typer raises as click's or as its own copy of click's."""
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{error.format_message()}\n")
        return 2
    command = error.ctx.command_path if has_context and error.ctx else "hfver"
    return _fail("UsageError", error.format_message(), f"See: {command} --help", 2, as_json)


def _fail(kind: str, message: str, hint: str, code: int, as_json: bool) -> int:
    from hfver.cli.rendering.basics import print_error, print_json

    if as_json:
        print_json({"error": {"type": kind, "message": message, "hint": hint}})
    else:
        print_error(message, hint)
    return code


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    from hfver.cli.rendering.basics import shown

    sys.stderr.write(f"warning: {shown(str(message))}\n")
