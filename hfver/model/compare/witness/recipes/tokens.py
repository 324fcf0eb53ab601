"""Witnesses of tokenizers: a text whose ids differ, ids that decode differently, a token with a different id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hfver.model.compare.probe_texts import TEXTS
from hfver.model.compare.tokenizer_state import TOKENIZER, TokenizerState, added_tokens_decoder, read_tokenizer
from hfver.model.compare.witness.candidate import Candidate, Subject

__all__ = ["changed_tokenizer"]

_MOST = 12
_BATCH = ["a", "a longer text of several words"]
_LONG = 200


def changed_tokenizer(subject: Subject) -> Iterator[Candidate]:
    """Try texts that hold what changed, then the fixed texts, then single tokens."""
    folder = subject.parent(subject.path)

    def ask(library: str, what: str, given: Any) -> Candidate:
        question = {"folder": folder, "library": library, "what": what, "given": given}
        return Candidate("tokenizer", question, may_fail=library == "transformers" and _is_complete(subject))

    tokens = _changed_tokens(subject)
    texts = _texts(tokens)
    for library in ("transformers", "tokenizers"):
        if subject.part in ("padding", "padding_side") and library == "transformers":
            yield ask(library, "padded", _BATCH)
        if subject.part in ("truncation", "truncation_side") and library == "transformers":
            yield ask(library, "truncated", _BATCH)
        yield from (ask(library, "ids", text) for text in texts)
        yield from (ask(library, "tokens", [token]) for token in tokens)
        yield from (ask(library, "decoded", text) for text in texts)
    for what in ("padded", "truncated"):
        yield ask("transformers", what, _BATCH)
    if subject.part.lstrip("_").isidentifier():
        yield ask("transformers", "attribute", subject.part.lstrip("_"))


def _is_complete(subject: Subject) -> bool:
    """Return whether nothing that the newer side's tokenizer is loaded from was left out of the comparison."""
    after = subject.pair.after
    return TOKENIZER not in after.files or after.content(TOKENIZER) is not None


def _texts(tokens: list[str]) -> list[str]:
    around = [text for token in tokens for text in (token, f"a {token} b")]
    fixed = sorted((text for text in TEXTS if text), key=len)
    return list(dict.fromkeys(text for text in (*around, *fixed) if text.strip() or text == " "))


def _changed_tokens(subject: Subject) -> list[str]:
    """Return the first tokens whose id, score or flags differ."""
    found: list[str] = []
    old, new = (read_tokenizer(side) or TokenizerState({}) for side in (subject.pair.before, subject.pair.after))
    for held in ("ids", "scores", "flags"):
        one, other = getattr(old, held), getattr(new, held)
        found += [token for token in one if one[token] != other.get(token)]
        found += [token for token in other if token not in one]
    rows = [added_tokens_decoder(side) for side in (subject.pair.before, subject.pair.after)]
    found += [token for token in {**rows[0], **rows[1]} if rows[0].get(token) != rows[1].get(token)]
    short = [token for token in dict.fromkeys(found) if len(token) <= _LONG]
    # Whole words and added tokens show more than pieces of them, and the order must not depend on a dictionary.
    return sorted(short, key=lambda token: (token not in old.flags and token not in new.flags, -len(token), token))[
        :_MOST
    ]
