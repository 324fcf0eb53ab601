"""The end of every witness: observe the folder, and compare with what the older side showed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Observe = Callable[[Path, dict[str, Any]], Any]
Differences = Callable[[dict[str, Any], Any, Any], list[str]]


def printable(text: str) -> str:
    """Escape what could control a terminal, and shorten what is very long."""
    text = text if len(text) <= 4000 else text[:4000] + " and so on"
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


def main(observe: Observe, differences: Differences, question: dict[str, Any], expected: Any) -> int:
    """Return the exit code: 0 the folder is as the older side was, 1 it differs, 2 it could not be looked at."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.stderr.write(f"usage: python {Path(sys.argv[0]).name} DIR (the folder of the model)\n")
        return 2
    try:
        observed = observe(Path(sys.argv[1]), question)
    except ImportError as error:
        sys.stderr.write(printable(f"A library is missing: {error}") + "\n")
        return 2
    except Exception as error:
        sys.stdout.write(printable(f"DIFFERS: it cannot be loaded: {type(error).__name__}: {error}") + "\n")
        return 1
    found = differences(question, expected, observed)
    for line in [f"DIFFERS: {line}" if number == 0 else line for number, line in enumerate(found)]:
        sys.stdout.write(printable(line) + "\n")
    if not found:
        sys.stdout.write("the same as before\n")
    return int(bool(found))
