"""The code cells of a Jupyter notebook, read as one module: a name from one cell is known in the next."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hfver.lint.fix import pin_calls
from hfver.lint.parse import parse
from hfver.lint.positions import Site
from hfver.lint.python import find_in_module
from hfver.lint.report import Finding, Unread

__all__ = ["find_in_notebook", "pin_notebook"]

_MAGIC = re.compile(r"^[ \t]*[%!?].*$|^.*\?$", re.MULTILINE)
_OTHER_LANGUAGE = re.compile(r"\s*%%(?!time\b|timeit\b|capture\b|prun\b)")


@dataclass(frozen=True)
class _Cell:
    """A code cell: its number among all cells, from 1, and its Python with magic lines put aside."""

    number: int
    source: str
    magic: tuple[str, ...]


def find_in_notebook(content: bytes, site: Site) -> tuple[list[Finding], list[Unread]]:
    """List what a notebook loads without naming a commit, and the cells that cannot be read.

    Raises:
        SyntaxError: The file is no notebook.
    """
    cells, unread, lines, starts = _cells(_open(content)), [], list[str](), list[tuple[int, int]]()
    for cell in cells:
        try:
            parse(cell.source)
        except SyntaxError as error:
            unread.append(Unread(site.path, f"not Python: {error.msg} (line {error.lineno})", cell.number))
            continue
        starts.append((len(lines), cell.number))
        lines += cell.source.split("\n")
    found = find_in_module("\n".join(lines), site)
    return [_in_cell(finding, starts) for finding in found], unread


def pin_notebook(content: bytes, pins: Sequence[Finding]) -> bytes:
    """Write commits into a notebook's cells.

    Raises:
        SyntaxError: A cell would not be Python afterwards, or the file is not laid out as Jupyter does it, so that
            writing it would change more than the cells.
    """
    notebook = _open(content)
    layout = _layout(content, notebook)
    for cell in _cells(notebook):
        here = [pin for pin in pins if pin.cell == cell.number]
        if here:
            raw = notebook["cells"][cell.number - 1]
            text = _restore(pin_calls(cell.source.encode(), here).decode(), cell.magic)
            raw["source"] = text.splitlines(keepends=True) if isinstance(raw["source"], list) else text
    return _dump(notebook, layout)


def _open(content: bytes) -> dict[str, Any]:
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SyntaxError(f"no notebook: {error}") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise SyntaxError("no notebook: it has no cells")
    return notebook


def _cells(notebook: dict[str, Any]) -> list[_Cell]:
    cells = []
    for number, cell in enumerate(notebook["cells"], 1):
        source = cell.get("source", "") if isinstance(cell, dict) and cell.get("cell_type") == "code" else ""
        text = "".join(map(str, source)) if isinstance(source, list) else str(source)
        if text.strip() and not _OTHER_LANGUAGE.match(text):
            magic = tuple(_MAGIC.findall(text))
            cells.append(_Cell(number, _MAGIC.sub(_put_aside, text), magic))
    return cells


def _put_aside(line: re.Match[str]) -> str:
    indent = re.match(r"[ \t]*", line[0])
    return f"{indent[0] if indent else ''}pass  # IPython"


def _restore(text: str, magic: Sequence[str]) -> str:
    waiting = iter(magic)
    return re.sub(r"^[ \t]*pass  # IPython$", lambda line: next(waiting, line[0]), text, flags=re.MULTILINE)


def _in_cell(finding: Finding, starts: Sequence[tuple[int, int]]) -> Finding:
    before, number = max(start for start in starts if start[0] < finding.line)
    return replace(finding, cell=number, line=finding.line - before, end_line=finding.end_line - before)


def _layout(content: bytes, notebook: dict[str, Any]) -> tuple[int, bool, str]:
    """Find the layout in which the file is written."""
    for indent in (1, 2, 4):
        for ascii_only in (False, True):
            for end in ("\n", ""):
                if _dump(notebook, (indent, ascii_only, end)) == content:
                    return indent, ascii_only, end
    raise SyntaxError("the notebook is not laid out as Jupyter writes it; open and save it there first")


def _dump(notebook: dict[str, Any], layout: tuple[int, bool, str]) -> bytes:
    indent, ascii_only, end = layout
    return (json.dumps(notebook, indent=indent, ensure_ascii=ascii_only) + end).encode()
