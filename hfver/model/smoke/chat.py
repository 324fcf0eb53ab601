"""Checks of the chat template."""

from __future__ import annotations

from typing import Any

from hfver.model.runtime import OpenModel
from hfver.model.smoke.check import Broken, NotApplicable, some
from hfver.model.smoke.fixed_texts import CONVERSATIONS
from hfver.model.smoke.token_ids import embedding_rows
from hfver.model.smoke.tokenizer import encode

MARK = "hfver"


def template_renders(opened: OpenModel) -> str:
    """Check that fixed conversations render and tokenize, and the generation prompt only adds to them."""
    words = opened.tokenizer
    if words is None or not words.chat_template:
        raise NotApplicable("There is no chat template.")
    rendered = {name: _render(words, turns) for name, turns in CONVERSATIONS.items()}
    refused = [name for name, text in rendered.items() if text is None]
    if "a question" in refused:
        raise Broken("The template refuses a conversation of one question.")
    for text in rendered.values():
        _check_ids(opened, text)
    told = f"{len(rendered) - len(refused)} conversations render and tokenize"
    return told + (f"; by design it takes no {some(refused)}" if refused else "") + "."


def chat_prompt(words: Any) -> str | None:
    """Render a question up to where the assistant begins; None if there is no template, or it is broken."""
    from jinja2 import TemplateError

    if words is None or not words.chat_template:
        return None
    try:
        return _apply(words, CONVERSATIONS["a question"], prompt=True)
    except (TemplateError, TypeError, ValueError):
        return None


def turn_end(words: Any) -> int | None:
    """Return the id of the special token that ends an assistant's turn in the template; None if unclear."""
    turns = [*CONVERSATIONS["a question"], {"role": "assistant", "content": MARK}]
    tail = _apply(words, turns, prompt=False).rpartition(MARK)[2]
    ids = [number for number in encode(words, tail) if number in words.all_special_ids]
    return ids[0] if ids else None


def _render(words: Any, turns: list[dict[str, str]]) -> str | None:
    """Render with and without generation prompt; None if the template refuses the conversation on purpose."""
    from jinja2 import TemplateError

    try:
        plain, prompted = (_apply(words, turns, prompt=prompt) for prompt in (False, True))
    except TemplateError as error:
        if type(error) is TemplateError:  # what a template's own raise_exception() raises
            return None
        line = getattr(error, "lineno", None)
        where = f" in line {line}" if line else ""
        raise Broken(f"The template is broken{where}: {error.message}.") from None
    if not prompted.startswith(plain):
        raise Broken("The generation prompt changes what comes before it instead of adding to it.")
    return prompted


def _apply(words: Any, turns: list[dict[str, str]], *, prompt: bool) -> str:
    return str(words.apply_chat_template(turns, tokenize=False, add_generation_prompt=prompt))


def _check_ids(opened: OpenModel, text: str | None) -> None:
    if text is None:
        return
    ids = encode(opened.tokenizer, text)
    rows = embedding_rows(opened.model)
    if not ids:
        raise Broken("A rendered conversation has no tokens.")
    if rows is not None and max(ids) >= rows:
        raise Broken(f"A rendered conversation has the id {max(ids)}, but the embedding has {rows} rows.")
