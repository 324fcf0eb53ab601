"""How goldens look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hfver.cli.rendering.basics import human, plain, print_facts, stdout, table_of
from hfver.core.plural import counted
from hfver.core.shorten import shortened

if TYPE_CHECKING:
    from hfver.model.smoke.golden.record import GoldenFiles

__all__ = ["print_golden"]

WIDTH = 60


def print_golden(files: GoldenFiles, where: str) -> None:
    """Print a golden as a table of facts, the measured noise, and what the model writes."""
    golden, words, numbers = files.golden, files.golden.words, files.golden.numbers
    forms = golden.forms
    rows = [
        ("captured", f"from {golden.source}, {golden.architecture} in {golden.dtype} on {golden.device}"),
        ("libraries", ", ".join(f"{name} {number}" for name, number in golden.libraries.items())),
        ("words", f"{counted(len(words.texts), 'text')}, {words.length} tokens" if words else "no tokenizer"),
        ("forms", f"{counted(len(forms.rendered), 'conversation')}, {counted(len(forms.processed), 'made signal')}"),
    ]
    if numbers is None:
        rows.append(("numbers", golden.why_no_numbers or "–"))
    else:
        positions = sum(numbers.positions)
        unit = f", {counted(positions, 'position')}" if positions else ""
        rows.append(("numbers", f"{numbers.kind}: {counted(len(numbers.inputs), 'input')}{unit}"))
    rows.append(("own prompts", {"none": "not in it", "ids": "as token ids", "text": "as text"}[golden.prompts]))
    rows.append(("size", human(sum(map(len, files.encode().values())))))
    print_facts(where, rows)
    if numbers is not None and numbers.noise:
        table = table_of("noise", "mean", "99 %", "same token")
        for name, one in sorted(numbers.noise.items()):
            same = "–" if one.agreement is None else f"{one.agreement:.2%}"
            table.add_row(plain(name), f"{one.distance:.1e}", f"{one.p99:.1e}", same)
        stdout().print(table)
    for output in golden.outputs:
        prompt, text = (plain(repr(shortened(one, WIDTH))) for one in (output.prompt, output.text))
        stdout().print(prompt, "→", text)
