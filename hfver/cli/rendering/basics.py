"""The parts of all output: one JSON object for programs, tables and plain text for people."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from hfver.core.sizes import human

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from hfver.core.policy import Policy

__all__ = [
    "LEVELS",
    "MARKS",
    "date_of",
    "human",
    "plain",
    "print_error",
    "print_facts",
    "print_json",
    "put",
    "say",
    "shown",
    "stderr",
    "stdout",
    "table_of",
]

LEVELS = {"major": "[red]", "minor": "[yellow]", "patch": "[green]", None: "[dim]"}
# JSON escapes ASCII's control characters by itself; terminals obey some above ASCII too.
_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
MARKS = {
    "passed": "[green]✓[/]",
    "warned": "[yellow]![/]",
    "failed": "[red]✗[/]",
    "skipped": "[dim]–[/]",
    "not_judged": "[yellow]?[/]",
}


class Result(Protocol):
    """What a function of the API returns."""

    def to_json(self) -> dict[str, Any]:
        """Give the JSON that ``--json`` prints."""


T = TypeVar("T", bound=Result)


def put(result: T, as_json: bool, render: Callable[[T], None], *, policy: Policy | None = None) -> None:
    """Print a result: as one JSON object, or as ``render`` shows it to people.

    Args:
        result: What a function of the API returned.
        as_json: Whether to print JSON.
        render: Prints it for people.
        policy: The policy that was applied, whose files the JSON names; None where none was.
    """
    if as_json:
        print_json(result.to_json(), policy=policy)
    else:
        render(result)


def print_json(value: dict[str, Any], *, policy: Policy | None = None) -> None:
    """Print one JSON object on stdout, with the files of the policy that was applied."""
    if policy is not None:
        value = {**value, "policy": [str(path) for path in policy.files]}
    written = _UNSEEN.sub(_escaped, json.dumps(value, indent=2, ensure_ascii=False))
    try:
        written.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # half a surrogate from a hostile name, or a terminal that is not UTF-8
        written = json.dumps(value, indent=2)
    sys.stdout.write(f"{written}\n")


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def print_error(message: str, hint: str) -> None:
    """Print what went wrong and what to do, on stderr."""
    console = stderr()
    console.print("[bold red]error:[/]", plain(message))
    if hint:
        console.print("[cyan]hint:[/]", plain(hint))


def say(message: str) -> None:
    """Print what is going on, on stderr."""
    stderr().print("[dim]›[/]", plain(message))


def print_facts(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Print a title and rows of name and value."""
    from hfver.cli.rendering.ragged import RaggedTable

    table = RaggedTable(show_header=False, box=None, pad_edge=False)
    table.add_column(style="cyan")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, plain(value))
    console = stdout()
    console.print(plain(title), style="bold")
    console.print(table)


def table_of(*columns: str) -> Any:
    """Return an empty table with these columns."""
    from rich import box

    from hfver.cli.rendering.ragged import RaggedTable

    table = RaggedTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def plain(text: str) -> Any:
    """Show text as it is: text from a Hub is not markup, and cannot move the cursor."""
    from rich.text import Text

    return Text(shown(text))


def shown(text: str) -> str:
    """Leave out invisible characters: escapes that a terminal obeys, marks that reverse the order of letters."""
    return "".join(char for char in text if char.isprintable() or char in "\n\t")


def date_of(moment: datetime | None) -> str:
    """Write a moment to the minute, in its own time zone (UTC in ledgers)."""
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "–"


def stdout() -> Console:
    """Return a console for data."""
    from hfver.cli.rendering.ragged import NarrowRules

    # A pipe has no width: nothing is wrapped there, so that grep and awk see whole lines.
    return NarrowRules(highlight=False, width=None if sys.stdout.isatty() else 1000)


def stderr() -> Console:
    """Return a console for messages."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)
