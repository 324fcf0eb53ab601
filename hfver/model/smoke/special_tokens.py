"""Checks that special tokens are whole, and that tokenizer, config and template agree on them."""

from __future__ import annotations

import inspect
import re
from typing import Any

from hfver.model.runtime import ChildTokenizer, LoadedModel
from hfver.model.smoke import chat
from hfver.model.smoke.check import CheckFailed, CheckSkipped, CheckWarned, shorten
from hfver.model.smoke.tokenizer import encode

MARK = re.compile(r"<\|[a-z_]+\|>|<(?:start|end)_of_turn>")
"""The marks of roles and turns that templates write."""
REMEDY = "Add the token to the tokenizer as a special token, and save it again with save_pretrained."


def special_tokens_whole(loaded: LoadedModel) -> str:
    """Check that each special token is one token, with the id that the config gives it."""
    tokenizer = loaded.tokenizer
    if tokenizer is None:
        raise CheckSkipped("There is no tokenizer.")
    found = tokenizer.special_tokens()
    split = [f"{text!r} ({name})" for name, text, number, ids in found if name != "unk" and ids != [number]]
    if split:
        raise CheckFailed(f"Not a token of its own: {shorten(split)}.", REMEDY)
    _check_mask(loaded, tokenizer)
    marks = _split_marks(tokenizer)
    if marks:
        raise CheckWarned(f"The chat template writes {shorten(marks)}, which the tokenizer splits.", REMEDY)
    pad = None if _generates(loaded.model) else _config_pad(loaded.model)
    if None not in (pad, tokenizer.pad_token_id) and pad not in (tokenizer.pad_token_id, -1):
        raise CheckWarned(
            f"The tokenizer pads with id {tokenizer.pad_token_id}, and config.json says {pad}.",
            "Set pad_token_id in config.json to the tokenizer's.",
        )
    return f"{len(found)} special tokens are tokens of their own."


def _check_mask(loaded: LoadedModel, tokenizer: ChildTokenizer) -> None:
    """Fail if an encoder would get padded batches without a mask; generate() makes one itself from the pad token."""
    takes = "attention_mask" in inspect.signature(loaded.model.forward).parameters
    if takes and not _generates(loaded.model) and "attention_mask" not in tokenizer.input_names:
        raise CheckFailed(
            "The tokenizer returns no attention mask, so the model would read padding as text.",
            "Add attention_mask to model_input_names in tokenizer_config.json.",
        )


def _split_marks(tokenizer: ChildTokenizer) -> list[str]:
    text = chat.chat_prompt(tokenizer) or ""
    return [repr(mark) for mark in sorted(set(MARK.findall(text))) if len(encode(tokenizer, mark)) != 1]


def _generates(model: Any) -> bool:
    return bool(getattr(model, "can_generate", lambda: False)())


def _config_pad(model: Any) -> int | None:
    """Return the pad token of the config, by which a classifier finds the end of a text."""
    config: Any = getattr(model, "config", None)
    return getattr(config.get_text_config(), "pad_token_id", None) if hasattr(config, "get_text_config") else None
