"""Write commits into the calls of Python source, with everything else left as it is."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from hfver.errors import UsageError
from hfver.lint.python.parse import parse
from hfver.lint.report import Diagnostic

__all__ = ["pin_calls", "require_libcst"]


def require_libcst() -> None:
    """Check that the library that rewrites Python is installed.

    Raises:
        UsageError: It is not.
    """
    if find_spec("libcst") is None:
        raise UsageError("hfver pins --fix needs libcst.", "Install it: pip install 'hfver[pins]'")


def pin_calls(source: bytes, pins: Sequence[Diagnostic]) -> bytes:
    """Write ``revision="<commit>"`` into calls.

    A revision that is there is replaced, a positional one too. Otherwise the argument is added as the last one, in the
    layout of the call. A place at which there is no call is ignored.

    Args:
        source: The module.
        pins: The diagnostics of the calls, each with its commit.

    Returns:
        The module with the commits.

    Raises:
        SyntaxError: The source cannot be parsed, or the result could not.
    """
    # Imported here, because reading must work without the extra.
    import libcst as cst
    from libcst.metadata import MetadataWrapper

    from hfver.lint.python.rewrite import PinCalls

    places = {(pin.line, pin.column, pin.end_line, pin.end_column): pin for pin in pins}
    try:
        # Nothing else holds the tree, so the defensive copy that libcst would make of it is skipped.
        module = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
        changed = module.visit(PinCalls(places)).bytes
    except cst.ParserSyntaxError as error:
        raise SyntaxError(error.message) from None
    except RecursionError:
        raise SyntaxError("nested too deeply to be rewritten") from None
    parse(changed)
    return changed
