"""Running the command: the one place where errors become output and exit codes."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

from hfver.core.deprecation import HfverDeprecationWarning
from hfver.errors import HfverError

__all__ = ["main"]


INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code (design: 0 done, 1 refused, 2 usage, 3 verification, 4 Hub)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in arguments
    warnings.showwarning = _show_warning
    warnings.simplefilter("default", HfverDeprecationWarning)  # Python hides it outside __main__
    try:
        return _run(arguments, as_json)
    except HfverError as error:
        return _fail(type(error).__name__, error.message, error.hint, error.exit_code, as_json)
    except KeyboardInterrupt:
        return _fail("Interrupted", "Interrupted.", "Run the same command again: it goes on.", INTERRUPTED, as_json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("HFVER_DEBUG"):
            raise
        message = f"hfver ran into something it did not expect: {type(error).__name__}: {error}"
        return _fail("InternalError", message, "Set HFVER_DEBUG=1 to see where, and please report it.", 1, as_json)


def _run(arguments: list[str], as_json: bool) -> int:
    import typer

    from hfver.cli.app import app

    click_error: type[Exception]
    usage_error, click_error = typer.BadParameter.__mro__[1:3]
    try:
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
