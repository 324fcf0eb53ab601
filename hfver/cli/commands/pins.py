"""``hfver pins``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption

__all__ = ["EXAMPLE", "pins"]

EXAMPLE = "hfver pins src --fix"


def pins(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files and folders of the code to check.")],
    fix: Annotated[
        bool, typer.Option("--fix", help='Write revision="<commit>" into Python, from hfver.lock or the Hub.')
    ] = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Print SARIF 2.1.0, for code review tools.")] = False,
    hub: HubOption = None,
    as_json: JsonOption = False,
) -> int:
    """List what a code base loads from a Hub without naming a commit; exit with 1 if there is anything."""
    import hfver
    from hfver.cli.rendering.basics import print_json, put
    from hfver.cli.rendering.pins import print_pins
    from hfver.errors import UsageError

    if sarif and as_json:
        raise UsageError("--sarif and --json cannot be used together.", "Choose one of them.")
    report = hfver.pins(paths, fix=fix, hub=hub)
    if sarif:
        from hfver.lint import to_sarif

        print_json(to_sarif(report))
    else:
        put(report, as_json, partial(print_pins, paths=paths))
    return int(bool(report.findings))
