"""How settings and the readings of ``hfver doctor`` look."""

from __future__ import annotations

import json
from typing import Any

from hfver.cli.rendering.basics import plain, say, stdout, table_of
from hfver.core.diagnosis import Diagnosis
from hfver.core.plural import counted
from hfver.core.settings import Configuration

__all__ = ["print_config", "print_diagnosis"]

MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "broken": "[red]✗[/]"}


def print_config(found: Configuration) -> None:
    """Print every setting with its value and its source; which files were read goes to stderr."""
    table = table_of("setting", "value", "source")
    for one in found.values:
        table.add_row(plain(one.key), plain(_written(one.value)), plain(str(one.source)))
    stdout().print(table)
    say(f"Read: {', '.join(map(str, found.files))}" if found.files else "No settings file was found")


def print_diagnosis(found: Diagnosis) -> None:
    """Print a line per reading, with what to do below it where something is to be done."""
    console = stdout()
    width = max(len(reading.name) for reading in found.readings)
    for reading in found.readings:
        console.print(MARKS[reading.status], f"[cyan]{reading.name:{width}}[/]", plain(reading.detail))
        if reading.hint:
            console.print(" " * (width + 2), "[cyan]hint:[/]", plain(reading.hint))
    broken = [reading.name for reading in found.readings if reading.status == "broken"]
    said = f"Broken: {', '.join(broken)}" if broken else f"Nothing is broken: {counted(len(found.readings), 'check')}"
    say(said)


def _written(value: Any) -> str:
    """Write a value as the file would, or a dash where there is none."""
    if value is None or value in ({}, []):
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
