"""How a difference looks."""

from __future__ import annotations

from hfver.cli.rendering.basics import LEVELS, plain, stdout, table_of
from hfver.model.compare import Difference

__all__ = ["print_difference"]


def print_difference(before: str, after: str, difference: Difference) -> None:
    """Print what changed, the highest level first."""
    console = stdout()
    level = difference.level.upper() if difference.level else "NOTHING CHANGED"
    console.print(f"{LEVELS[difference.level]}[bold]{level}[/][/]", plain(f"{before} → {after}"))
    table = table_of("level", "rule", "where", "what it means")
    for change in difference.changes:
        table.add_row(
            f"{LEVELS[change.level]}{change.level}[/]", plain(change.rule), plain(change.where), plain(change.message)
        )
    if difference.changes:
        console.print(table)
    if difference.weights.moved:
        moved = difference.weights
        console.print(f"{moved.share:.1%} of the weights moved ({moved.moved} of {moved.total} tensors)")
    for note in difference.notes:
        console.print("[dim]note:[/]", plain(note))
