"""Checks of the chat template."""

from __future__ import annotations

from typing import Any

from hfver.model.child import JobRaised
from hfver.model.runtime import ChildTokenizer, LoadedModel
from hfver.model.runtime.tokenizer_child import TemplateBroken, TemplateRefused
from hfver.model.smoke.check import CheckFailed, CheckSkipped, CheckWarned, shorten
from hfver.model.smoke.fixed_texts import CONVERSATIONS
from hfver.model.smoke.token_ids import embedding_rows
from hfver.model.smoke.tokenizer import encode

Turns = list[dict[str, str]]
REMEDY = "Correct it in chat_template.jinja or tokenizer_config.json."
TOOL_NAME = "hfver_weather"
TOOL = {
    "type": "function",
    "function": {
        "name": TOOL_NAME,
        "description": "Return the weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string", "description": "The place."}},
            "required": ["place"],
        },
    },
}
ANSWER = "Paris."
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
    notes = [_check_contents(name, CONVERSATIONS[name], text) for name, text in rendered.items() if text is not None]
    _check_start(tokenizer, str(rendered["a question"]))
    _check_tools(tokenizer)
    notes = [note for note in (*notes, _check_prompt(tokenizer)) if note]
    if notes:
        raise CheckWarned(f"{'; '.join(notes)[:1].upper()}{'; '.join(notes)[1:]}.", REMEDY)
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


def up_to_turn_end(tokenizer: ChildTokenizer) -> str:
    """Render a question and an answer, up to where the assistant's turn ends."""
    question = CONVERSATIONS["a question"]
    text = _apply(tokenizer, [*question, {"role": "assistant", "content": ANSWER}], prompt=False)
    before, found, _ = text.rpartition(ANSWER)
    return before + found


def _check_contents(name: str, turns: Turns, text: str) -> str:
    """Check that the words of every turn are in the rendering, in order and once; return a note, or nothing."""
    position, note = 0, ""
    for turn in turns:
        words = turn["content"]
        found = text.find(words, position)
        if found < 0 and turn["role"] == "system" and words not in text:
            note = f"the template silently drops the system turn of {name!r}"
            continue
        if found < 0:
            where = "in the wrong place" if words in text else "missing"
            raise CheckFailed(f"What the {turn['role']} says in {name!r} is {where} in the rendering.", REMEDY)
        if turn["role"] != "system" and text.count(words) > 1:
            raise CheckFailed(f"What the {turn['role']} says in {name!r} is in the rendering twice.", REMEDY)
        position = found + len(words)
    return note


def _check_start(tokenizer: ChildTokenizer, text: str) -> None:
    ids = encode(tokenizer, text)
    if tokenizer.bos_token_id is not None and ids[:2] == [tokenizer.bos_token_id] * 2:
        raise CheckFailed("The rendering begins with two start tokens.", "Remove one bos_token from the template.")


def _check_prompt(tokenizer: ChildTokenizer) -> str:
    """Compare the generation prompt with the header of an assistant's turn in training; return a note, or nothing."""
    question = CONVERSATIONS["a question"]
    try:
        whole = _apply(tokenizer, [*question, {"role": "assistant", "content": MARKER}], prompt=False)
        plain, prompted = (_apply(tokenizer, question, prompt=prompt) for prompt in (False, True))
    except (TemplateRefused, TemplateBroken):
        return ""
    if MARKER not in whole or not whole.startswith(plain):
        return ""
    header, prompt = (text[len(plain) :].strip() for text in (whole.rpartition(MARKER)[0], prompted))
    if header and not prompt:
        raise CheckFailed(
            f"add_generation_prompt makes no difference, although an assistant's turn begins with {header!r}.",
            "Add the header at the template's end, under {% if add_generation_prompt %}.",
        )
    # Either may go on with an empty or open thought, as Qwen3 and DeepSeek-R1 have it.
    if header and not (prompt.startswith(header) or header.startswith(prompt)):
        return f"the generation prompt is {prompt!r}, but an assistant's turn begins with {header!r}"
    return ""


def _check_tools(tokenizer: ChildTokenizer) -> None:
    """Check that a tool that is given is in the rendering, if the template uses tools at all."""
    question = CONVERSATIONS["a question"]
    try:
        plain = _apply(tokenizer, question, prompt=True)
        given = tokenizer.render(question, add_generation_prompt=True, tools=[TOOL])
    except (TemplateRefused, TemplateBroken):
        return
    if given != plain and TOOL_NAME not in given:
        raise CheckFailed("The template mentions tools, but not the name of the tool that is given.", REMEDY)


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
