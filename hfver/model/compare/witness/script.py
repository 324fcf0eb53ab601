"""The text of a witness: a probe, its question and the expected answer as literals, and what runs them.

Everything that comes from a model's files is data: it stands in literals of plain ASCII, and in nothing else.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

from hfver.model.compare.difference import Change
from hfver.model.compare.rules import RULES
from hfver.model.compare.witness.candidate import Candidate

__all__ = ["MARK", "file_name", "literal", "script_of"]

MARK = "# A witness, written by hfver diff --witness."
"""The first line of every script: what does not begin with it was written by somebody else."""
_WIDTH = 100
_FOLDER = Path(__file__).parent
_SHOWS = {
    "behavior": "It asks the libraries what they make of the model.",
    "content": "It reads what a file says; what programs make of that is not shown.",
    "hash": "It compares a file's hash: that the bytes differ is all it shows.",
}
_TEXT = '''\
{mark}
"""{change}

{shows}

Usage: python {name} DIR

DIR is the folder of the model. The exit code is 0 where it is as on the older side, 1 where it differs, and 2 if it
could not be examined. Needs {needs}, and not hfver.
"""

from __future__ import annotations

{probe}

{main}

QUESTION = {question}
EXPECTED = {expected}

if __name__ == "__main__":
    raise SystemExit(main(observe, differences, QUESTION, EXPECTED))
'''
_NEEDS = {
    "card": "huggingface_hub",
    "config": "transformers",
    "file": "Python alone",
    "inputs": "transformers, numpy and, for pictures, Pillow",
    "setting": "Python alone",
    "template": "transformers and jinja2",
    "tensor": "safetensors and numpy",
    "tokenizer": "transformers",
}


def file_name(number: int, change: Change) -> str:
    """Name a script: its number, the rule, and where the change is."""
    place = re.sub(r"[^a-z0-9]+", "-", change.where.lower()).strip("-")[:48].strip("-")
    return f"{number:02}-{change.rule}{f'-{place}' if place else ''}.py"


def script_of(name: str, change: Change, candidate: Candidate, expected: Any) -> str:
    """Write a script.

    Args:
        name: Its file name.
        change: The change that it shows.
        candidate: The probe and the question.
        expected: What the older side answers.
    """
    return _TEXT.format(
        mark=MARK,
        # The rule's own text: the change's message has names and values from the model's files.
        change=_sentence(RULES[change.rule].change),
        shows=_SHOWS[candidate.kind],
        name=name,
        needs=_NEEDS[candidate.probe],
        probe=_source(_FOLDER / "probes" / f"{candidate.probe}.py"),
        main=_source(_FOLDER / "_main.py"),
        question=literal(dict(candidate.question)),
        expected=literal(expected),
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


@cache
def _source(path: Path) -> str:
    """Return a file without its docstring and its import from the future, which a script has once."""
    text = path.read_text(encoding="utf-8")
    body = ast.parse(text).body
    return "\n".join(text.splitlines()[body[2].lineno - 1 :])


def literal(value: Any, indent: str = "") -> str:
    """Write a JSON value as a Python literal in ASCII, with one item a line where it is long."""
    short = ascii(value)
    if len(indent) + len(short) <= _WIDTH or not isinstance(value, dict | list) or not value:
        return short
    inner = indent + "    "
    if isinstance(value, dict):
        lines = [f"{inner}{key!a}: {literal(item, inner)}," for key, item in value.items()]
        return "\n".join(["{", *lines, indent + "}"])
    if all(isinstance(item, int | float) for item in value):
        return short
    return "\n".join(["[", *(f"{inner}{literal(item, inner)}," for item in value), indent + "]"])
