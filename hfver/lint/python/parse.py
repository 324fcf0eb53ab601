"""Decode and parse Python source of other people, so that whatever is wrong with it is a SyntaxError."""

from __future__ import annotations

import ast
import tokenize
import warnings
from io import BytesIO

__all__ = ["decode", "parse"]


def decode(content: bytes) -> str:
    """Decode Python source as Python does: by its encoding comment or byte order mark, otherwise as UTF-8.

    Raises:
        SyntaxError: The source is not in the encoding that it declares.
    """
    encoding, _ = tokenize.detect_encoding(BytesIO(content).readline)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise SyntaxError(f"not {encoding}: {error.reason}") from None
    except (LookupError, UnicodeError):  # a codec that is not for text, such as rot13 or hex
        raise SyntaxError(f"{encoding} is not an encoding of text") from None


def parse(source: str | bytes) -> ast.Module:
    """Parse a module.

    Raises:
        SyntaxError: The source is not Python, is nested too deeply, or is not in the encoding that it declares.
    """
    # Invalid escapes and the like are for the authors of the checked code to see, not for the users of the check.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source)
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(str(error) or "nested too deeply") from None
