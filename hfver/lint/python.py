"""Python source to findings: every call and string that loads from a Hub without naming a commit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from hfver.lint.hf_uris import HOLE, uris_in
from hfver.lint.judge import judge_call
from hfver.lint.module import read_module
from hfver.lint.parse import parse
from hfver.lint.positions import Site, ignored_lines, judge_uri
from hfver.lint.report import Finding
from hfver.lint.scopes import Known, Text, evaluate

__all__ = ["find_in_module"]


def find_in_module(source: str, site: Site) -> list[Finding]:
    """List what a Python module loads without naming a commit, in the order of its lines.

    Raises:
        SyntaxError: It is not Python.
    """
    calls, texts = read_module(parse(source))
    lines = _Lines(source)
    judged_calls = ((judge_call(call, site), call.node) for call in calls)
    found = [lines.place(_name_call(judged, node), node) for judged, node in judged_calls if judged]
    for text in texts:
        found.extend(lines.place(judged, text.node) for judged in _judge_text(text, site))
    silenced = ignored_lines(source)
    kept = {finding for finding in found if not {finding.line, finding.end_line} & silenced}
    return sorted(kept, key=lambda one: (one.line, one.column, one.end_line, one.end_column))


class _Lines:
    """Turns the parser's columns, which count bytes, into columns that count characters."""

    def __init__(self, source: str) -> None:
        self._lines = re.split(r"\r\n|\r|\n", source)

    def column(self, line: int, offset: int) -> int:
        """Give the column of a byte offset, from 1."""
        return len(self._lines[line - 1].encode()[:offset].decode(errors="ignore")) + 1

    def place(self, finding: Finding, node: ast.expr) -> Finding:
        """Fill in where a node starts and ends."""
        end_line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
        start = self.column(node.lineno, node.col_offset)
        return replace(
            finding, line=node.lineno, column=start, end_line=end_line, end_column=self.column(end_line, end)
        )


def _judge_text(text: Text, site: Site) -> Iterator[Finding]:
    shown = _show(text)
    if "hf://" in shown:
        yield from filter(None, (judge_uri(uri, site) for uri in uris_in(shown)))


def _show(text: Text) -> str:
    """Give a string as the program would see it, with a hole for each part that cannot be told."""
    if isinstance(text.node, ast.Constant):
        return str(text.node.value)
    parts = [evaluate(part, text.scope) for part in text.node.values]
    return "".join(part.value if isinstance(part, Known) and isinstance(part.value, str) else HOLE for part in parts)


def _name_call(finding: Finding, node: ast.Call) -> Finding:
    """Fill in what is called; ``partial(f, …)`` has its arguments one place further on."""
    written = _written(node.func)
    if written.rpartition(".")[2] == "partial" and node.args:
        position = None if finding.position is None else finding.position + 1
        return replace(finding, call=_written(node.args[0]), position=position)
    return replace(finding, call=written)


def _written(node: ast.expr) -> str:
    """Give a function's name as the program writes it, without arguments on the way."""
    if isinstance(node, ast.Attribute):
        return f"{_written(node.value)}.{node.attr}"
    if isinstance(node, ast.Call):
        return f"{_written(node.func)}()"
    return node.id if isinstance(node, ast.Name) else "…"
