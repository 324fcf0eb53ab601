"""Writing commits into Python source, with everything else left as it is."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from hfver.errors import UsageError
from hfver.lint.parse import parse
from hfver.lint.report import Finding

__all__ = ["need_libcst", "pin_calls"]


def need_libcst() -> None:
    """Check that the library that rewrites Python is installed.

    Raises:
        UsageError: It is not.
    """
    if find_spec("libcst") is None:
        raise UsageError("hfver pins --fix needs libcst.", "Install it: pip install 'hfver[pins]'")


def pin_calls(source: bytes, pins: Sequence[Finding]) -> bytes:
    """Write ``revision="<commit>"`` into the calls of some findings, each with its commit.

    A revision that is there is replaced, also a positional one; else the argument is added as the last one, in the
    way in which the call is laid out. A place where no call is found is left alone.

    Raises:
        SyntaxError: The source cannot be read, or would not be Python afterwards.
    """
    import libcst as cst
    from libcst.metadata import MetadataWrapper

    from hfver.lint.rewrite import PinCalls

    places = {(pin.line, pin.column, pin.end_line, pin.end_column): pin for pin in pins}
    try:
        module = cst.parse_module(source)
    except cst.ParserSyntaxError as error:
        raise SyntaxError(error.message) from None
    changed = MetadataWrapper(module, unsafe_skip_copy=True).visit(PinCalls(places)).bytes
    parse(changed)
    return changed
