"""Rules on chat templates: what matters is what they render, not how they are written or where they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hfver.core.version import Bump
from hfver.model.compare.chat_templates import DEFAULT, is_template_file
from hfver.model.compare.json_values import printable
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Rule, RuleMatch
from hfver.model.compare.template_changes import TemplateChange, template_changes


def _breaking(pair: Pair) -> Iterable[RuleMatch]:
    for change in template_changes(pair):
        if change.kind == "removed":
            message = f"{change.subject} was removed: code that uses it fails or builds a different prompt."
            yield RuleMatch(change.where, message, change.title, None, files=change.files)
        # transformers and servers use the default template without being asked.
        elif change.kind == "added" and change.name == DEFAULT:
            message = (
                "A chat template was added where there was none: code that checks for one now builds different prompts."
            )
            yield RuleMatch(change.where, message, None, change.title, files=change.files)
        elif change.kind == "edited":
            yield from _edited(change)


def _edited(change: TemplateChange) -> Iterable[RuleMatch]:
    comparison = change.comparison
    if comparison is None:
        message = (
            f"{change.subject} changed and could not be rendered within the limits of time and "
            "memory, so prompts may differ."
        )
        note = f"{change.subject} could not be rendered; it counts as rendering differently."
        yield RuleMatch(change.where, message, files=change.files, note=note)
    elif comparison.differences:
        yield _rendered_differently(change, comparison.differences)
    elif comparison.unreached:
        what = printable("; ".join(comparison.unreached[:3]), 400)
        message = f"{change.subject} changed in places that no conversation reached ({what}), so prompts may differ."
        note = f"{change.subject}: no conversation was found that reaches every change, so the higher level was taken."
        yield RuleMatch(change.where, message, files=change.files, note=note)


def _rendered_differently(change: TemplateChange, differences: Sequence[tuple[str, str, str]]) -> RuleMatch:
    # A fixed conversation has a name that is easier to read than a whole conversation.
    first, before, after = min(differences, key=lambda difference: (difference[0][:1] == "{", len(difference[0])))
    shown = printable(first, 600)
    which = f"{shown} differently" if first[:1] == "{" else f"the fixed conversation {shown!r} differently"
    if len(differences) > 1:
        which = f"{len(differences)} or more conversations differently, for example {shown}"
    message = (
        f"{change.subject} renders {which}: prompts change, and parsers of tool calls and reasoning may no longer fit."
    )
    return RuleMatch(change.where, message, before, after, files=change.files)


chat_template = Rule(
    "chat-template",
    Bump.MAJOR,
    change="a conversation renders differently, or a changed branch could not be reached",
    breaks="parsers of tool calls and reasoning",
    seen="rendering conversations that reach what changed",
    example=(
        "The generation prompt now ends in `<think>`.",
        "A server's reasoning parser waits for a tag that no longer appears in the output, and answers stay empty.",
    ),
    detect=_breaking,
)


def _extended(pair: Pair) -> Iterable[RuleMatch]:
    for change in template_changes(pair):
        comparison = change.comparison
        if comparison is not None and not comparison.differences and not comparison.unreached:
            message = (
                f"{change.subject} changed. Conversations that reach every changed branch render as before, or were"
                " refused before."
            )
            yield RuleMatch(change.where, message, files=change.files)
        elif change.kind == "added" and change.name != DEFAULT:
            message = f"{change.subject} was added; it is used only by callers who ask for it by name."
            yield RuleMatch(change.where, message, None, change.title, files=change.files)


chat_template_extended = Rule(
    "chat-template-extended",
    Bump.MINOR,
    change="the template changed, every changed branch was reached, and what the old template did not refuse renders"
    " the same; or a template with a new name was added",
    breaks="nobody",
    seen="rendering conversations that reach what changed",
    example=(
        "The template now accepts a message without content, which it refused before.",
        "Every conversation that worked still gives the same prompt.",
    ),
    detect=_extended,
)


def _moved(pair: Pair) -> Iterable[RuleMatch]:
    changes = template_changes(pair)
    for change in changes:
        if change.kind == "moved":
            message = f"{change.subject} moved to a different file; its text is the same."
            yield RuleMatch(change.where, message, change.files[0], change.files[-1], files=change.files)
    reported = {file for change in changes for file in change.files}
    for path in pair.changed_files:
        if is_template_file(path) and path not in reported:
            yield RuleMatch(path, f"{printable(path)} differs, but the templates in use are the same.")


chat_template_moved = Rule(
    "chat-template-moved",
    Bump.PATCH,
    change="the same template in a different file",
    breaks="nobody",
    seen="tokenizer_config.json, chat_template.jinja, chat_template.json, additional_chat_templates/",
    example=(
        "`chat_template` moves from tokenizer_config.json to chat_template.jinja.",
        "Nobody notices: loaders look in all of these places.",
    ),
    detect=_moved,
)

RULES = (chat_template, chat_template_extended, chat_template_moved)
