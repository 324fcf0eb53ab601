"""Find the calls and strings of a Python module that load from a Hub without naming a commit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hfver.lint.context import SourceContext, suppressed_lines
from hfver.lint.hf_uris import PLACEHOLDER, find_uris
from hfver.lint.judge import judge_uri
from hfver.lint.python.calls import collect
from hfver.lint.python.evaluate import Constant, evaluate
from hfver.lint.python.judge_call import judge_call
from hfver.lint.python.parse import parse
from hfver.lint.python.scopes import StringLiteral
from hfver.lint.report import Diagnostic

__all__ = ["check_module"]

_LINE_END = re.compile(r"\r\n|\r|\n")
"""Where Python's parser ends a line; ``str.splitlines`` also does at form feeds and others."""


def check_module(source: str, context: SourceContext) -> list[Diagnostic]:
    """Check a Python module.

    Returns:
        A diagnostic for each place that is not pinned, in the order of lines.

    Raises:
        SyntaxError: The source is not Python.
    """
    calls, strings = collect(parse(source))
    lines = _LINE_END.split(source)
    locator = _Locator(lines)
    judged = ((judge_call(call, context), call.node) for call in calls)
    found = [locator.locate(diagnostic, node) for diagnostic, node in judged if diagnostic]
    for string in strings:
        found.extend(locator.locate(diagnostic, string.node) for diagnostic in _judge_string(string, context))
    suppressed = suppressed_lines(lines)
    # A dictionary for uniqueness, because a string can contain the same URI twice, and for the order within a string.
    kept = dict.fromkeys(one for one in found if not {one.line, one.end_line} & suppressed)
    return sorted(kept, key=lambda one: (one.line, one.column, one.end_line, one.end_column))


class _Locator:
    """Converts the parser's columns, which count UTF-8 bytes from 0, to columns that count characters from 1."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines

    def locate(self, diagnostic: Diagnostic, node: ast.expr) -> Diagnostic:
        """Fill in where a node starts and ends."""
        end_line, end_offset = node.end_lineno or node.lineno, node.end_col_offset or 0
        return replace(
            diagnostic,
            line=node.lineno,
            column=self._column(node.lineno, node.col_offset),
            end_line=end_line,
            end_column=self._column(end_line, end_offset),
        )

    def _column(self, line: int, offset: int) -> int:
        return len(self._lines[line - 1].encode()[:offset].decode(errors="ignore")) + 1


def _judge_string(string: StringLiteral, context: SourceContext) -> Iterator[Diagnostic]:
    text = _render(string)
    if "hf://" in text:
        yield from filter(None, (judge_uri(uri, context) for uri in find_uris(text)))


def _render(string: StringLiteral) -> str:
    """Return the string that the program would see, with a placeholder for each part that is unknown."""
    if isinstance(string.node, ast.Constant):
        return str(string.node.value)
    values = [evaluate(part, string.scope) for part in string.node.values]
    return "".join(
        value.value if isinstance(value, Constant) and isinstance(value.value, str) else PLACEHOLDER for value in values
    )
