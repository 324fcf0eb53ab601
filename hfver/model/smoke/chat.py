"""Checks of the chat template."""

from __future__ import annotations

from typing import Any

from hfver.model.child import JobRaised
from hfver.model.runtime import ChildTokenizer, LoadedModel
from hfver.model.runtime.tokenizer_child import TemplateBroken, TemplateRefused
from hfver.model.smoke.check import CheckFailed, CheckSkipped, shorten
from hfver.model.smoke.fixed_texts import CONVERSATIONS
from hfver.model.smoke.token_ids import embedding_rows
from hfver.model.smoke.tokenizer import encode

MARKER = "hfver"
"""The content of an assistant's turn, by which the end of the turn is found in the rendered text."""


def template_renders(loaded: LoadedModel) -> str:
    """Check that fixed conversations render and tokenize, and that the generation prompt only adds to them."""
    tokenizer = loaded.tokenizer
    if tokenizer is None or not tokenizer.has_chat_template:
        raise CheckSkipped("There is no chat template.")
    rendered = {name: _render(tokenizer, turns) for name, turns in CONVERSATIONS.items()}
    refused = [name for name, text in rendered.items() if text is None]
    if "a question" in refused:
        raise CheckFailed("The template refuses a conversation of a single question.")
    for text in rendered.values():
        _check_ids(loaded, text)
    detail = f"{len(rendered) - len(refused)} of {len(rendered)} conversations render and tokenize"
    return detail + (f"; the template refuses {shorten(refused)} on purpose" if refused else "") + "."


def chat_prompt(tokenizer: ChildTokenizer | None) -> str | None:
    """Render a question up to where the assistant begins; None if there is no template, or it is broken."""
    if tokenizer is None or not tokenizer.has_chat_template:
        return None
    try:
        return _apply(tokenizer, CONVERSATIONS["a question"], prompt=True)
    except (TemplateRefused, TemplateBroken, JobRaised):
        return None


def turn_end(tokenizer: ChildTokenizer) -> int | None:
    """Return the id of the special token that ends an assistant's turn in the template; None if there is none."""
    turns = [*CONVERSATIONS["a question"], {"role": "assistant", "content": MARKER}]
    tail = _apply(tokenizer, turns, prompt=False).rpartition(MARKER)[2]
    ids = [number for number in encode(tokenizer, tail) if number in tokenizer.all_special_ids]
    return ids[0] if ids else None


def _render(tokenizer: ChildTokenizer, turns: list[dict[str, str]]) -> str | None:
    """Render with and without generation prompt; None if the template refuses the conversation on purpose."""
    try:
        plain, prompted = (_apply(tokenizer, turns, prompt=prompt) for prompt in (False, True))
    except TemplateRefused:
        return None
    except TemplateBroken as error:
        where = f" in line {error.line}" if error.line else ""
        reason = str(error).rstrip(".")
        raise CheckFailed(f"The template is broken{where}: {reason}.") from None
    if not prompted.startswith(plain):
        raise CheckFailed("The generation prompt changes the text before it instead of adding to it.")
    return prompted


def _apply(tokenizer: ChildTokenizer, turns: list[dict[str, str]], *, prompt: bool) -> str:
    return tokenizer.render(turns, add_generation_prompt=prompt)


def _check_ids(loaded: LoadedModel, text: str | None) -> None:
    if text is None:
        return
    tokenizer: Any = loaded.tokenizer
    ids = encode(tokenizer, text)
    rows = embedding_rows(loaded.model)
    if not ids:
        raise CheckFailed("A rendered conversation has no tokens.")
    if rows is not None and max(ids) >= rows:
        raise CheckFailed(f"A rendered conversation has the id {max(ids)}, but the embedding has {rows} rows.")
