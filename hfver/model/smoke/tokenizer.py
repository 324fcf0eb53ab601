"""Checks of the tokenizer alone."""

from __future__ import annotations

from typing import Any, Literal

from hfver.model.runtime import OpenModel
from hfver.model.smoke.check import Broken, NotApplicable, some
from hfver.model.smoke.fixed_texts import SCRIPTS, SENTENCES

Verdict = Literal["stable", "unstable", "unknown"]


def round_trip(opened: OpenModel) -> str:
    """Check that text survives encoding and decoding, as far as the tokenizer means it to.

    Lower-casing, stripped accents and unknown scripts are choices, so the text itself is not compared: what
    has been decoded must encode to the same ids again.
    """
    words = opened.tokenizer
    if words is None:
        raise NotApplicable("There is no tokenizer.")
    verdicts = {name: _judge(words, text) for name, text in SCRIPTS.items()}
    if all(_is_all_unknown(words, text) for text in (*SENTENCES, SCRIPTS["English"])):
        raise Broken("It knows no word of plain English: every token of every sentence is unknown.")
    return _sum_up(verdicts)


def encode(words: Any, text: str) -> list[int]:
    """Encode text without special tokens."""
    return list(words(text, add_special_tokens=False)["input_ids"])


def _judge(words: Any, text: str) -> Verdict:
    ids = encode(words, text)
    if not ids or words.unk_token_id in ids:
        return "unknown"
    return "stable" if encode(words, _decode(words, ids)) == ids else "unstable"


def _decode(words: Any, ids: list[int]) -> str:
    return str(words.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _is_all_unknown(words: Any, text: str) -> bool:
    return set(encode(words, text)) <= {words.unk_token_id}


def _sum_up(verdicts: dict[str, Verdict]) -> str:
    """Fail when English, or most of what the tokenizer knows, does not come back; else name the oddities."""
    stable, unstable, unknown = (
        [name for name, verdict in verdicts.items() if verdict == kind] for kind in ("stable", "unstable", "unknown")
    )
    if verdicts["English"] == "unstable" or len(unstable) > len(stable):
        raise Broken(f"Decoded text encodes to other ids: {some(unstable)}.")
    if not stable and not unstable:
        raise NotApplicable("Each of the texts holds words that are unknown to the tokenizer.")
    told = f"Decoded text encodes to the same ids in {len(stable)} of {len(verdicts)} texts"
    told += f"; not in {some(unstable)}" if unstable else ""
    return told + (f"; not covered: {some(unknown)}" if unknown else "") + "."
