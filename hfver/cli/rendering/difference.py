"""How a difference looks in a terminal."""

from __future__ import annotations

from hfver.api.references import looks_like_folder
from hfver.cli.rendering.basics import LEVELS, plain, stdout, table_of
from hfver.model.compare import Change, Difference
from hfver.model.compare.difference import UNMEASURED

__all__ = ["print_difference"]


def print_difference(before: str, after: str, difference: Difference, *, tensors: bool = False) -> None:
    """Print what changed, the highest level first; with ``tensors``, also every tensor that differs."""
    console = stdout()
    level = difference.level.upper() if difference.level else "NO CHANGE"
    console.print(f"{LEVELS[difference.level]}[bold]{level}[/][/]", plain(f"{before} → {after}"))
    if difference.changes:
        table = table_of("level", "rule", "where", "what it means")
        for change in difference.changes:
            cells = (plain(change.rule), plain(change.where), plain(_meaning(change)))
            table.add_row(f"{LEVELS[change.level]}{change.level}[/]", *cells)
        console.print(table)
    if difference.weights.moved != 0:
        weights = str(difference.weights)
        console.print(plain(f"{weights[:1].upper()}{weights[1:]}."))
    if tensors and difference.tensors:
        table = table_of("tensor", "change", "dtype", "shape")
        for tensor in difference.tensors:
            shape = " × ".join(map(str, tensor.shape)) or "scalar"
            table.add_row(plain(tensor.name), tensor.change, tensor.dtype, shape)
        console.print(table)
    if difference.is_unmeasured:
        # What was not released yet cannot have been measured, and its release will do it.
        so_far = "Unmeasured so far: hfver release runs the smoke eval and checks the metrics that have a budget."
        console.print(f"[dim]{so_far}[/]" if looks_like_folder(after) else f"[yellow]{UNMEASURED}[/]")
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
