"""Token ids that somebody stored, and grammars whose literals are tokenized."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from hfver.api.consumers.judgement import TOKENIZER_RULES, Answer, Compared, Judge, breaks, safe, unknown
from hfver.core.plural import counted
from hfver.model.compare import Change
from hfver.model.compare.json_values import printable
from hfver.model.compare.witness import observe_both

__all__ = ["grammar_literals", "judge_grammar", "judge_ids", "sequences_of"]

_MOST, _LONGEST = 64, 4096
# An unterminated literal matches, too, so that each character is read once, however many quotes there are.
_LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)("?)')


def sequences_of(value: Any) -> list[list[int]]:
    """Find lists of token ids in a JSON value: a list, a list of lists, or ``input_ids`` of objects."""
    found: list[list[int]] = []
    level = [value]
    for _ in range(6):
        inner: list[Any] = []
        for one in level[:10_000]:
            if isinstance(one, list) and one and all(type(item) is int and item >= 0 for item in one):
                found.append(one)
            elif isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        level = inner
    return found


def judge_ids(sequences: Sequence[list[int]], compared: Compared) -> Judge:
    """Decode the stored ids with both sides' tokenizers, and encode what they decode to."""
    tried = [sequence[:_LONGEST] for sequence in sequences[:_MOST]]
    answer = _judged([("stored", ids) for ids in tried], compared)
    highest = max(max(sequence) for sequence in sequences)
    rows = compared.config()[1].get("vocab_size")

    def judge(change: Change) -> Answer:
        if change.rule == "vocab-size" and type(rows) is int and highest >= rows:
            return breaks(f"The id {highest} is stored, and the model has only {rows} rows.")
        if change.rule in TOKENIZER_RULES:
            return answer
        return safe("What an id means does not depend on it.")

    return judge


def judge_grammar(literals: Sequence[str], compared: Compared) -> Judge:
    """Tokenize the grammar's literals with both sides' tokenizers."""
    answer = _judged([("ids", text) for text in literals[:_MOST]], compared)

    def judge(change: Change) -> Answer:
        if change.rule in TOKENIZER_RULES:
            return answer
        if change.rule == "chat-template":
            return unknown("The prompt renders differently, and what the grammar constrains comes after it.")
        return safe("The grammar constrains text, and its tokens do not depend on it.")

    return judge


def _judged(asked: Sequence[tuple[str, Any]], compared: Compared) -> Answer:
    questions = [
        ("tokenizer", {"folder": "", "library": "transformers", "what": what, "given": given}) for what, given in asked
    ]
    answers = observe_both(compared.before, compared.after, questions)
    if not answers or any(one is None for one, _ in answers):
        return unknown("The older tokenizer cannot be loaded from the files that were compared.")
    for (what, given), (old, new) in zip(asked, answers, strict=True):
        if old != new:
            return breaks(_difference(what, given, old[0], new[0] if new else None))
    what = "stored sequence" if asked[0][0] == "stored" else "literal"
    return safe(f"{counted(len(asked), what)} gave the same text and ids on both sides.")


def _difference(what: str, given: Any, old: Any, new: Any) -> str:
    if new is None:
        return "The newer tokenizer cannot be loaded, or refuses the ids."
    if what == "ids":
        return f"The literal {printable(given, 60)!r} has the ids {str(new)[:80]}, and had {str(old)[:80]}."
    if old[0] != new[0]:
        return f"Stored ids decode to {printable(new[0], 60)!r}, and decoded to {printable(old[0], 60)!r}."
    return f"The text {printable(old[0], 60)!r} is no longer encoded as the ids that are stored."


def grammar_literals(text: str, suffix: str) -> list[str]:
    """Return the literals of a GBNF or Lark grammar, or the names and constants of a JSON schema."""
    if suffix == ".json":
        return list(dict.fromkeys(_schema_literals(json.loads(text), 0)))
    lines = [line.partition("//")[0] if suffix == ".lark" else line for line in text.splitlines()]
    kept = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    found = (_unescaped(match[1]) for match in _LITERAL.finditer(kept) if match[2])
    return list(dict.fromkeys(one for one in found if one))


def _unescaped(literal: str) -> str:
    try:
        return str(json.loads(f'"{literal}"'))
    except ValueError:
        return literal


def _schema_literals(value: Any, depth: int) -> list[str]:
    if depth > 40:
        return []
    found: list[str] = []
    if isinstance(value, dict):
        names = value.get("properties")
        found += [f'"{name}"' for name in names] if isinstance(names, dict) else []
        constants = value.get("enum") if isinstance(value.get("enum"), list) else [value.get("const")]
        found += [json.dumps(one, ensure_ascii=False) for one in constants or () if isinstance(one, str)]
        for inner in value.values():
            found += _schema_literals(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            found += _schema_literals(inner, depth + 1)
    return found[:1000]
