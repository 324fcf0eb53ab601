"""How a difference looks in a terminal."""

from __future__ import annotations

from hfver.cli.rendering.basics import LEVELS, plain, stdout, table_of
from hfver.model.compare import Change, Difference

__all__ = ["print_difference"]


def print_difference(before: str, after: str, difference: Difference) -> None:
    """Print what changed, the highest level first."""
    console = stdout()
    level = difference.level.upper() if difference.level else "NO CHANGE"
    console.print(f"{LEVELS[difference.level]}[bold]{level}[/][/]", plain(f"{before} → {after}"))
    if difference.changes:
        table = table_of("level", "rule", "where", "what it means")
        for change in difference.changes:
            cells = (plain(change.rule), plain(change.where), plain(_meaning(change)))
            table.add_row(f"{LEVELS[change.level]}{change.level}[/]", *cells)
        console.print(table)
    if difference.weights.moved:
        console.print(plain(f"{difference.weights}."))
    for note in difference.notes:
        console.print("[dim]note:[/]", plain(note))
    for consumer in difference.consumers:
        console.print(f"[bold]{consumer.verdict}[/]", plain(f"{consumer.path} ({consumer.kind})"))
        answers = table_of("verdict", "rule", "where", "why")
        for answer in consumer.answers:
            answers.add_row(*map(plain, (answer.verdict, answer.rule, answer.where, answer.why)))
        if consumer.answers:
            console.print(answers)


def _meaning(change: Change) -> str:
    witness = change.witness
    if witness is None:
        return change.message
    shown = f"Witness: {witness.file}." if witness.file else f"No witness: {witness.reason}"
    return f"{change.message} {shown}"
