"""Lines without trailing blanks, and rules of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.rule import Rule
from rich.segment import Segment
from rich.table import Table

__all__ = ["NarrowRules", "RaggedTable"]

_RULE = 80


class NarrowRules(Console):
    """A console whose rules do not fill it: we make a pipe a thousand columns wide."""

    def rule(self, title: Any = "", **options: Any) -> None:
        """Draw a line with a title."""
        self.print(Rule(title, **options), width=min(_RULE, self.width))


class RaggedTable(Table):
    """A table whose last column is not padded."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render line by line."""
        for line in Segment.split_lines(super().__rich_console__(console, options)):  # type: ignore[arg-type]
            yield from _cut(line)
            yield Segment.line()


def _cut(line: Iterable[Segment]) -> list[Segment]:
    """Remove the blanks at the end of a line."""
    kept = list(line)
    while kept and not kept[-1].control and not kept[-1].text.strip(" "):
        kept.pop()
    if kept and not kept[-1].control:
        kept[-1] = kept[-1]._replace(text=kept[-1].text.rstrip(" "))
    return kept
