"""Checks of the tokenizer alone."""

from __future__ import annotations

from typing import Any, Literal

from hfver.model.runtime import LoadedModel
from hfver.model.smoke.check import CheckFailed, CheckSkipped, shorten
from hfver.model.smoke.fixed_texts import SCRIPTS, SENTENCES, SEQUENCES

OWN_TOKENS = 64
"""How many tokens of the vocabulary are encoded to see whether the tokenizer knows any text at all."""

Outcome = Literal["stable", "unstable", "unknown"]


def round_trip(loaded: LoadedModel) -> str:
    """Check that text survives encoding and decoding, as far as the tokenizer intends it to.

    Lowercasing, stripping accents and not covering a script are design choices, so the text itself is not compared:
    decoded text must encode to the same ids again.
    """
    tokenizer = loaded.tokenizer
    if tokenizer is None:
        raise CheckSkipped("There is no tokenizer.")
    outcomes = {name: _encode_again(tokenizer, text) for name, text in SCRIPTS.items()}
    if not _knows_any_text(tokenizer):
        raise CheckFailed(
            "It knows no text: every token of every fixed text is unknown, in English as in any other script, "
            "and so are the tokens of its own vocabulary."
        )
    return _summarize(outcomes)


def encode(tokenizer: Any, text: str) -> list[int]:
    """Encode text without special tokens."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def covers(tokenizer: Any, text: str) -> bool:
    """Return whether a tokenizer knows at least half of the tokens of a text."""
    ids = encode(tokenizer, text)
    return bool(ids) and 2 * ids.count(tokenizer.unk_token_id) <= len(ids)


def _encode_again(tokenizer: Any, text: str) -> Outcome:
    ids = encode(tokenizer, text)
    if not ids or tokenizer.unk_token_id in ids:
        return "unknown"
    return "stable" if encode(tokenizer, _decode(tokenizer, ids)) == ids else "unstable"


def _decode(tokenizer: Any, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _knows_any_text(tokenizer: Any) -> bool:
    """Return whether any fixed text, or else any token of the vocabulary, has a token that is not unknown."""
    texts = (*SENTENCES, *SCRIPTS.values(), *SEQUENCES.values())
    # The vocabulary speaks for tokenizers of a world that no fixed text is from: k-mers, notes, time series.
    return any(_is_known(tokenizer, text) for text in texts) or any(
        _is_known(tokenizer, _decode(tokenizer, [number])) for number in _own_tokens(tokenizer)
    )


def _is_known(tokenizer: Any, text: str) -> bool:
    return not set(encode(tokenizer, text)) <= {tokenizer.unk_token_id}


def _own_tokens(tokenizer: Any) -> list[int]:
    """Return the ids of some tokens, taken evenly from the whole vocabulary, without the special ones."""
    ids = sorted(set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids))
    return ids[:: max(1, len(ids) // OWN_TOKENS)]


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
