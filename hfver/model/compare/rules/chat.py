"""Rules on chat templates: what matters is what they render, not how they are written or where they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from hfver.core.version import Bump
from hfver.model.compare.chat_templates import DEFAULT, find_templates, is_template_file, render_differences
from hfver.model.compare.json_values import printable
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Rule, RuleMatch


@dataclass(frozen=True)
class _TemplateChange:
    """What happened to one template.

    Attributes:
        name: The template's name.
        files: The files that contain it, before and after.
        kind: What happened.
        differences: Of an edited template: the conversations that render differently; None if that is unknown.
    """

    name: str
    files: tuple[str, ...]
    kind: Literal["added", "removed", "edited", "moved"]
    differences: list[list[str]] | None = None

    @property
    def where(self) -> str:
        return f"{self.files[-1]}:{self.title}"

    @property
    def title(self) -> str:
        return printable(self.name)

    @property
    def subject(self) -> str:
        """The template as the subject of a sentence."""
        return "The default chat template" if self.name == DEFAULT else f"The chat template {self.title}"


def _template_changes(pair: Pair) -> tuple[_TemplateChange, ...]:
    return tuple(_find_changes(pair))


def _find_changes(pair: Pair) -> Iterator[_TemplateChange]:
    old, new = find_templates(pair.before), find_templates(pair.after)
    for name in sorted(old.keys() | new.keys()):
        files = tuple(templates[name][0] for templates in (old, new) if name in templates)
        if name not in new or name not in old:
            # In a file that is the same on both sides, the template is there; one side's copy was not fetched.
            if any(path in pair.changed_files for path in files):
                yield _TemplateChange(name, files, "removed" if name in old else "added")
        elif old[name][1] != new[name][1]:
            differences = render_differences(pair.before, pair.after, old[name][1], new[name][1])
            yield _TemplateChange(name, files, "edited", differences)
        elif files[0] != files[-1]:
            yield _TemplateChange(name, files, "moved")


def _breaking(pair: Pair) -> Iterable[RuleMatch]:
    for change in pair.once(_template_changes):
        if change.kind == "removed":
            message = f"{change.subject} was removed: code that uses it fails or builds a different prompt."
            yield RuleMatch(change.where, message, change.title, None, files=change.files)
        # transformers and servers use the default template without being asked.
        elif change.kind == "added" and change.name == DEFAULT:
            message = (
                "A chat template was added where there was none: code that checks for one now builds different prompts."
            )
            yield RuleMatch(change.where, message, None, change.title, files=change.files)
        elif change.kind == "edited" and change.differences is None:
            message = (
                f"{change.subject} changed and could not be rendered within the limits of time and "
                "memory, so prompts may differ."
            )
            note = f"{change.subject} could not be rendered; it counts as rendering differently."
            yield RuleMatch(change.where, message, files=change.files, note=note)
        elif change.differences:
            yield _rendered_differently(change, change.differences)


def _rendered_differently(change: _TemplateChange, differences: list[list[str]]) -> RuleMatch:
    first, before, after = differences[0]
    if len(differences) == 1:
        which = f"the fixed conversation {first!r} differently"
    else:
        which = f"{len(differences)} fixed conversations differently, for example {first!r}"
    message = (
        f"{change.subject} renders {which}: prompts change, and parsers of tool calls and reasoning may no longer fit."
    )
    return RuleMatch(change.where, message, before, after, files=change.files)


chat_template = Rule(
    "chat-template",
    Bump.MAJOR,
    change="a fixed conversation renders differently",
    breaks="parsers of tool calls and reasoning",
    seen="rendering fixed conversations",
    example=(
        "The generation prompt now ends in `<think>`.",
        "A server's reasoning parser waits for a tag that no longer appears in the output, and answers stay empty.",
    ),
    detect=_breaking,
)


def _extended(pair: Pair) -> Iterable[RuleMatch]:
    for change in pair.once(_template_changes):
        if change.kind == "edited" and change.differences == []:
            message = f"{change.subject} changed, but every fixed conversation renders as before."
            yield RuleMatch(change.where, message, files=change.files)
        elif change.kind == "added" and change.name != DEFAULT:
            message = f"{change.subject} was added; it is used only by callers who ask for it by name."
            yield RuleMatch(change.where, message, None, change.title, files=change.files)


chat_template_extended = Rule(
    "chat-template-extended",
    Bump.MINOR,
    change="the template changed, but every fixed conversation renders the same; or a template with a new name was"
    " added",
    breaks="nobody",
    seen="rendering fixed conversations",
    example=(
        "The template now supports audio parts, which no caller could send before.",
        "Every conversation that worked still gives the same prompt.",
    ),
    detect=_extended,
)


def _moved(pair: Pair) -> Iterable[RuleMatch]:
    changes = pair.once(_template_changes)
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
