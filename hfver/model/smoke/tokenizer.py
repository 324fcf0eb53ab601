"""Checks of the tokenizer alone."""

from __future__ import annotations

import re
from typing import Any, Literal

from hfver.model.runtime import ChildTokenizer, LoadedModel
from hfver.model.smoke.check import CheckFailed, CheckSkipped, shorten
from hfver.model.smoke.fixed_texts import SCRIPTS, SENTENCES, SEQUENCES

Outcome = Literal["stable", "unstable", "unknown"]


def round_trip(loaded: LoadedModel) -> str:
    """Check that text survives encoding and decoding, as far as the tokenizer intends it to.

    Lowercasing, stripping accents and not covering a script are design choices, so the text itself is not compared:
    decoded text must encode to the same ids again.
    """
    tokenizer = loaded.tokenizer
    if tokenizer is None:
        raise CheckSkipped("There is no tokenizer.")
    _check_blanks(tokenizer)
    outcomes = {name: _encode_again(tokenizer, text) for name, text in SCRIPTS.items()}
    if not _knows_any_text(tokenizer):
        raise CheckFailed(
            "It knows no text: every token of every fixed text is unknown, in English as in any other script, "
            "and so are the tokens of its own vocabulary."
        )
    return _summarize(outcomes)


def encode(tokenizer: ChildTokenizer, text: str) -> list[int]:
    """Encode text without special tokens."""
    return tokenizer.encode(text)


def covers(tokenizer: Any, text: str) -> bool:
    """Return whether a tokenizer knows at least half of the tokens of a text."""
    ids = encode(tokenizer, text)
    return bool(ids) and 2 * ids.count(tokenizer.unk_token_id) <= len(ids)


def _check_blanks(tokenizer: ChildTokenizer) -> None:
    """Fail if every letter of English comes back, and no blank does: words run together."""
    text = SCRIPTS["English"]
    decoded = tokenizer.decode(encode(tokenizer, text))
    letters, kept = (re.sub(r"\s", "", each).lower() for each in (text, decoded))
    if letters == kept and not re.search(r"\s", decoded.strip()):
        raise CheckFailed(
            "Blanks are lost: decoded English has none between its words.",
            "Save the tokenizer again with the class and the library version that it was trained with.",
        )


def _encode_again(tokenizer: ChildTokenizer, text: str) -> Outcome:
    ids = encode(tokenizer, text)
    if not ids or tokenizer.unk_token_id in ids:
        return "unknown"
    return "stable" if encode(tokenizer, tokenizer.decode(ids)) == ids else "unstable"


def _knows_any_text(tokenizer: ChildTokenizer) -> bool:
    """Return whether any fixed text, or else any token of the vocabulary, has a token that is not unknown."""
    texts = (*SENTENCES, *SCRIPTS.values(), *SEQUENCES.values())
    # No fixed text suits a tokenizer of DNA k-mers, musical notes or time series, but its own vocabulary does.
    return any(_is_known(tokenizer, text) for text in texts) or any(
        _is_known(tokenizer, tokenizer.decode([number])) for number in tokenizer.own_tokens()
    )


def _is_known(tokenizer: ChildTokenizer, text: str) -> bool:
    return not set(encode(tokenizer, text)) <= {tokenizer.unk_token_id}


def _summarize(outcomes: dict[str, Outcome]) -> str:
    """Fail if English or most of the known scripts do not come back; else name the scripts that do not."""
    stable, unstable, unknown = (
        [name for name, outcome in outcomes.items() if outcome == kind] for kind in ("stable", "unstable", "unknown")
    )
    if outcomes["English"] == "unstable" or len(unstable) > len(stable):
        raise CheckFailed(f"Decoded text encodes to different ids: {shorten(unstable)}.")
    if not stable and not unstable:
        raise CheckSkipped("Each of the fixed texts has tokens that the tokenizer does not know.")
    detail = f"Decoded text encodes to the same ids in {len(stable)} of {len(outcomes)} texts"
    detail += f"; not in {shorten(unstable)}" if unstable else ""
    return detail + (f"; not covered: {shorten(unknown)}" if unknown else "") + "."
