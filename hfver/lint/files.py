"""One file: check it by its kind, write commits into its content, and replace it completely or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hfver.lint.context import SourceContext
from hfver.lint.python import loaders
from hfver.lint.python.check_module import check_module
from hfver.lint.python.fix import pin_calls
from hfver.lint.python.notebooks import check_notebook, pin_notebook
from hfver.lint.python.parse import decode
from hfver.lint.report import Diagnostic, UnreadSource
from hfver.lint.text import check_text as text
from hfver.lint.walk import kind_of

__all__ = ["check_file", "pin_file", "replace_file"]


def check_file(file: Path, content: bytes, context: SourceContext) -> tuple[list[Diagnostic], list[UnreadSource]]:
    """Check the content of a file.

    Returns:
        A diagnostic for each place that is not pinned, and what could not be read.
    """
    # A file that was named explicitly, whatever it is called, is taken for Python.
    kind = kind_of(file) or "python"
    try:
        match kind:
            case "python":
                return (check_module(decode(content), context) if loaders.may_load(content) else []), []
            case "notebook":
                return check_notebook(content, context) if loaders.may_load(content) else ([], [])
            case _:
                return (text.check_text(_decode(content), kind, context) if text.may_load(content) else []), []
    except SyntaxError as error:
        line = f" (line {error.lineno})" if error.lineno else ""
        reason = f"not Python: {error.msg}{line}" if kind == "python" else str(error.msg)
        return [], [UnreadSource(context.path, reason)]


def pin_file(file: Path, content: bytes, pins: Sequence[Diagnostic]) -> bytes:
    """Write the commits of diagnostics into the content of a file.

    Raises:
        SyntaxError: The content cannot be rewritten without breaking or reformatting it.
    """
    return pin_notebook(content, pins) if kind_of(file) == "notebook" else pin_calls(content, pins)


def replace_file(file: Path, before: bytes, after: bytes) -> None:
    """Replace the content of a file in one step, and keep its mode.

    Args:
        file: The file; if it is a link, the file that it points to is replaced.
        before: The content that it must still have.
        after: The new content.

    Raises:
        OSError: The file cannot be written, or has changed since it was read.
    """
    real = Path(os.path.realpath(file))
    handle, name = tempfile.mkstemp(prefix=".hfver-", dir=real.parent)
    try:
        with os.fdopen(handle, "wb") as target:
            target.write(after)
            target.flush()
            os.fsync(target.fileno())
        Path(name).chmod(real.stat().st_mode & 0o7777)
        if real.read_bytes() != before:
            raise OSError("the file was changed in the meantime")
        Path(name).replace(real)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _decode(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise SyntaxError(f"not UTF-8: {error.reason}") from None
