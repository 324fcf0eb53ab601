"""One file: read, searched by its kind, and rewritten whole or not at all."""

from __future__ import annotations

import os
import tempfile
import tokenize
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from hfver.lint.fix import pin_calls
from hfver.lint.loaders import may_load
from hfver.lint.notebooks import find_in_notebook, pin_notebook
from hfver.lint.positions import Site
from hfver.lint.python import find_in_module
from hfver.lint.report import Finding, Unread
from hfver.lint.shell import find_in_text, may_load_text
from hfver.lint.walk import kind_of

__all__ = ["find_in_file", "pin_file", "replace_file"]


def find_in_file(file: Path, content: bytes, site: Site) -> tuple[list[Finding], list[Unread]]:
    """List what a file loads without naming a commit, and what of it cannot be read."""
    kind = kind_of(file) or "python"
    if not (may_load(content) if kind in ("python", "notebook") else may_load_text(content)):
        return [], []
    try:
        if kind in ("yaml", "docker", "shell"):
            return find_in_text(_decode_text(content), kind, site), []
        if kind == "notebook":
            return find_in_notebook(content, site)
        return find_in_module(_decode(content), site), []
    except SyntaxError as error:
        line = f" (line {error.lineno})" if error.lineno else ""
        return [], [Unread(site.path, f"not Python: {error.msg}{line}" if kind == "python" else str(error.msg))]


def pin_file(file: Path, content: bytes, pins: Sequence[Finding]) -> bytes:
    """Write the commits of some findings into a file's content.

    Raises:
        SyntaxError: That cannot be done without breaking or reformatting it.
    """
    return pin_notebook(content, pins) if kind_of(file) == "notebook" else pin_calls(content, pins)


def replace_file(file: Path, before: bytes, after: bytes) -> None:
    """Replace a file's content in one step, keeping its mode.

    Raises:
        OSError: It cannot be written, or is not what was read any more.
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
            raise OSError("it was changed by somebody else meanwhile")
        Path(name).replace(real)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _decode_text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise SyntaxError(f"not UTF-8: {error.reason}") from None


def _decode(content: bytes) -> str:
    """Decode Python source as Python does.

    Raises:
        SyntaxError: It is not in the encoding that it names.
    """
    encoding, _ = tokenize.detect_encoding(BytesIO(content).readline)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise SyntaxError(f"not {encoding}: {error.reason}") from None
