"""Parsing other people's Python: its warnings are theirs, and whatever is wrong is a SyntaxError."""

from __future__ import annotations

import ast
import warnings

__all__ = ["parse"]


def parse(source: str | bytes) -> ast.Module:
    """Parse a module.

    Raises:
        SyntaxError: It is not Python, is too deeply nested, or not in the encoding that it names.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(str(error) or "too deeply nested") from None
