"""Checks that answers end: the ids at which ``generate()`` stops are those that the model writes at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hfver.model.runtime import ChildTokenizer, LoadedModel
from hfver.model.smoke import chat
from hfver.model.smoke.batches import pad
from hfver.model.smoke.check import CheckFailed, CheckSkipped, CheckWarned
from hfver.model.smoke.fixed_texts import SENTENCES
from hfver.model.smoke.token_ids import stop_ids
from hfver.model.smoke.tokenizer import encode

REMEDY = "Set eos_token_id in generation_config.json: generate() reads it there, not in config.json."


def check_stops(loaded: LoadedModel, answers: Sequence[list[int]]) -> str:
    """Check that what ends an assistant's turn in the template also ends generation; Phi-4 got that wrong.

    Args:
        loaded: The model.
        answers: The ids that it wrote after a chat's prompt; empty if there is no template.
    """
    tokenizer: Any = loaded.tokenizer
    if tokenizer is None:
        raise CheckSkipped("There is no tokenizer.")
    ends = stop_ids(loaded)
    names = ", ".join(map(repr, tokenizer.tokens(sorted(ends))))
    detail = f"Generation ends at {names}" if ends else "Only the token limit ends generation: there is no end token"
    _check_not_ordinary(tokenizer, ends)
    turn = chat.turn_end(tokenizer) if answers else None
    if turn is not None and turn not in ends:
        _check_turn(loaded, turn, detail, answers)
        (name,) = tokenizer.tokens([turn])
        detail += f". Note that the chat template ends a turn with {name!r}, which does not end generation"
    own = tokenizer.eos_token_id
    if own is not None and ends and own not in ends and turn in ends:
        return f"{detail}. The tokenizer's own end token is {tokenizer.tokens([own])[0]!r}."
    if own is not None and ends and own not in ends:
        raise CheckWarned(
            f"{detail}, but the tokenizer's end token is {tokenizer.tokens([own])[0]!r}, which training appends.",
            REMEDY,
        )
    return f"{detail}."


def _check_not_ordinary(tokenizer: ChildTokenizer, ends: set[int]) -> None:
    """Fail if an end token is part of ordinary text, where it would cut an answer short."""
    common = ends & {number for text in SENTENCES for number in encode(tokenizer, text)} - {tokenizer.unk_token_id}
    if common:
        names = ", ".join(map(repr, tokenizer.tokens(sorted(common))))
        raise CheckFailed(f"Generation ends at {names}, which is a part of ordinary text.", REMEDY)


def _check_turn(loaded: LoadedModel, turn: int, detail: str, answers: Sequence[list[int]]) -> None:
    """Fail if the model ends its turns and does not stop.

    A base model often comes with a template whose tokens it never learned, and rightly stops elsewhere. So the token
    must be one that the model writes, expects after an answer, or that the tokenizer calls its end token.
    """
    tokenizer: Any = loaded.tokenizer
    (name,) = tokenizer.tokens([turn])
    if any(turn in answer[:-1] for answer in answers):
        reason = f"It wrote {name!r}, which ends a turn in the chat template, and did not stop"
    elif tokenizer.eos_token_id == turn:
        reason = (
            f"{name!r} ends a turn in the chat template and is the tokenizer's end token, but does not end generation"
        )
    elif _expects(loaded, turn):
        reason = f"After an answer it expects {name!r}, which ends a turn in the chat template, and would not stop"
    else:
        return
    raise CheckFailed(f"{reason}. {detail}.", REMEDY)


def _expects(loaded: LoadedModel, turn: int) -> bool:
    """Return whether the end of the turn is the likeliest token after an answer."""
    tokenizer: Any = loaded.tokenizer
    text = chat.up_to_turn_end(tokenizer)
    ids = encode(tokenizer, text) if text else []
    return bool(ids) and int(loaded.model(**pad(loaded, [ids]).inputs).logits[0, -1].argmax()) == turn
