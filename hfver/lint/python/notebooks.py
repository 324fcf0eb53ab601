"""Check and rewrite a Jupyter notebook. Its code cells are read as one module: a name of one is known in the next."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

from hfver.lint.context import SourceContext
from hfver.lint.python.check_module import check_module
from hfver.lint.python.fix import pin_calls
from hfver.lint.python.parse import parse
from hfver.lint.report import Diagnostic, UnreadSource

__all__ = ["check_notebook", "pin_notebook"]

_MAGIC = re.compile(
    r"""^[ \t]*(?:[%!?]|(?:pip|conda)[ ]+(?:un)?install\b)(?:.*\\\n)*.*$  # %magic, !command, ?help, and automagic
    |^(?P<target>[ \t]*[\w.,\[\]'" ]+=[ \t]*)[%!](?:.*\\\n)*.*$         # x = !command
    |^[ \t]*[\w.]+\?{1,2}[ \t]*$                                       # help?""",
    re.MULTILINE | re.VERBOSE,
)
"""IPython's own syntax; a backslash continues it on the next line."""
_OTHER_LANGUAGE = re.compile(r"\s*%%(?!time\b|timeit\b|capture\b|prun\b)")
_MARK = "# hfver: hidden line"
_INDENTS = (1, 2, 4, None)
"""Jupyter's own, those of other editors, and the compact form of Colab."""


class _Layout(NamedTuple):
    """How the JSON of a notebook is formatted: its indent, whether all of it is ASCII, and the end of the file."""

    indent: int | None
    ascii_only: bool
    end: str


@dataclass(frozen=True)
class _Cell:
    """A code cell.

    Attributes:
        number: Its number among all cells, from 1.
        text: Its text.
        source: The same as Python, with a stand-in for each line of IPython's own syntax.
        hidden: The lines that have a stand-in.
    """

    number: int
    text: str
    source: str
    hidden: tuple[str, ...]


def check_notebook(content: bytes, context: SourceContext) -> tuple[list[Diagnostic], list[UnreadSource]]:
    """Check a notebook.

    Returns:
        A diagnostic for each place that is not pinned, and the cells that cannot be read.

    Raises:
        SyntaxError: The file is not a notebook.
    """
    unread: list[UnreadSource] = []
    lines: list[str] = []
    starts: list[tuple[int, int]] = []
    for cell in _read_cells(_load(content)):
        try:
            parse(cell.source)
        except SyntaxError as error:
            unread.append(UnreadSource(context.path, f"not Python: {error.msg} (line {error.lineno})", cell.number))
            continue
        starts.append((len(lines), cell.number))
        lines += cell.source.split("\n")
    found = check_module("\n".join(lines), context)
    return [_place_in_cell(diagnostic, starts) for diagnostic in found], unread


def pin_notebook(content: bytes, pins: Sequence[Diagnostic]) -> bytes:
    """Write commits into the cells of a notebook.

    Args:
        content: The notebook.
        pins: The diagnostics of the calls, each with its commit.

    Raises:
        SyntaxError: A cell would not be Python afterwards, or the file is formatted neither as Jupyter nor as Colab
            does it, so that writing it would change more than the cells.
    """
    notebook = _load(content)
    layout = _detect_layout(content, notebook)
    for cell in _read_cells(notebook):
        here = [pin for pin in pins if pin.cell == cell.number]
        if here:
            raw = notebook["cells"][cell.number - 1]
            if _restore(cell.source, cell.hidden) != cell.text:
                raise SyntaxError(f"cell {cell.number} cannot be restored after it is rewritten")
            text = _restore(pin_calls(cell.source.encode(), here).decode(), cell.hidden)
            raw["source"] = text.splitlines(keepends=True) if isinstance(raw["source"], list) else text
    return _dump(notebook, layout)


def _load(content: bytes) -> dict[str, Any]:
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SyntaxError(f"not a notebook: {error}") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise SyntaxError("not a notebook: it has no cells")
    return notebook


def _read_cells(notebook: dict[str, Any]) -> list[_Cell]:
    cells = []
    for number, cell in enumerate(notebook["cells"], 1):
        source = cell.get("source", "") if isinstance(cell, dict) and cell.get("cell_type") == "code" else ""
        text = "".join(map(str, source)) if isinstance(source, list) else str(source)
        if text.strip() and not _OTHER_LANGUAGE.match(text):
            cells.append(_hide_magic(number, text))
    return cells


def _hide_magic(number: int, text: str) -> _Cell:
    """Make a cell whose source is Python, with as many lines as its text."""
    # A cell that is Python already has no magic, only lines that look like it: in strings, or "% b" in an expression.
    with suppress(SyntaxError):
        parse(text)
        return _Cell(number, text, text, ())
    hidden: list[str] = []

    def stand_in(match: re.Match[str]) -> str:
        # As IPython itself translates it: a call, so that "x = !ls" binds x to something unknown.
        start = match["target"] or re.sub(r"\S.*", "", match[0], flags=re.DOTALL)
        lines = match[0].split("\n")
        first = len(hidden)
        hidden.extend(lines)
        marks = [f"{_MARK} {first + index}" for index in range(len(lines))]
        return "\n".join([f"{start}get_ipython()  {marks[0]}", *marks[1:]])

    return _Cell(number, text, _MAGIC.sub(stand_in, text), tuple(hidden))


def _restore(source: str, hidden: Sequence[str]) -> str:
    def original(line: re.Match[str]) -> str:
        index = int(line[1])
        return hidden[index] if index < len(hidden) else line[0]

    return re.sub(rf"^.*{re.escape(_MARK)} (\d+)$", original, source, flags=re.MULTILINE)


def _place_in_cell(diagnostic: Diagnostic, starts: Sequence[tuple[int, int]]) -> Diagnostic:
    before, number = max(start for start in starts if start[0] < diagnostic.line)
    return replace(diagnostic, cell=number, line=diagnostic.line - before, end_line=diagnostic.end_line - before)


def _detect_layout(content: bytes, notebook: dict[str, Any]) -> _Layout:
    """Return the layout with which writing the notebook gives the same bytes."""
    for layout in map(_Layout._make, product(_INDENTS, (False, True), ("\n", ""))):
        if _dump(notebook, layout) == content:
            return layout
    raise SyntaxError("the notebook is not formatted as Jupyter or Colab writes it; open and save it there first")


def _dump(notebook: dict[str, Any], layout: _Layout) -> bytes:
    separators = (",", ":") if layout.indent is None else None
    text = json.dumps(notebook, indent=layout.indent, ensure_ascii=layout.ascii_only, separators=separators)
    # A lone surrogate, which JSON can hold and UTF-8 cannot, must not end the search for the layout.
    return (text + layout.end).encode(errors="surrogatepass")
