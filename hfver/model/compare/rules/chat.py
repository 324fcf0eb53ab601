"""Rules on chat templates: what they render counts, not how they are written or where they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hfver.core.version import Bump
from hfver.model.compare.chat_templates import is_template_file, rendered_otherwise, template_places
from hfver.model.compare.json_values import shown
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Finding, rule


@dataclass(frozen=True)
class _Step:
    """What became of one template; ``otherwise`` is None where its renderings could not be compared."""

    name: str
    files: tuple[str, ...]
    kind: str
    otherwise: list[list[str]] | None = None

    @property
    def where(self) -> str:
        return f"{self.files[-1]}:{shown(self.name)}"


def _steps(pair: Pair) -> tuple[_Step, ...]:
    if "templates" not in pair.memo:
        pair.memo["templates"] = tuple(_all_steps(pair))
    steps: tuple[_Step, ...] = pair.memo["templates"]
    return steps


def _all_steps(pair: Pair) -> Iterator[_Step]:
    old, new = template_places(pair.before), template_places(pair.after)
    for name in sorted(old.keys() | new.keys()):
        files = tuple(places[name][0] for places in (old, new) if name in places)
        if name not in new or name not in old:
            if any(path in pair.changed for path in files):
                yield _Step(name, files, "gone" if name in old else "new")
        elif old[name][1] != new[name][1]:
            otherwise = rendered_otherwise(pair.before, pair.after, old[name][1], new[name][1])
            yield _Step(name, files, "edited", otherwise)
        elif files[0] != files[-1]:
            yield _Step(name, files, "moved")


def _differs(pair: Pair) -> Iterable[Finding]:
    for step in _steps(pair):
        name = shown(step.name)
        if step.kind == "gone":
            message = f"The chat template {name} is gone: whoever asks for it gets an error or another prompt."
            yield Finding(step.where, message, name, None, files=step.files)
        elif step.kind == "new" and step.name == "default":
            message = "There is a chat template where there was none: programs that looked for one build other prompts."
            yield Finding(step.where, message, None, name, files=step.files)
        elif step.kind == "edited" and step.otherwise is None:
            message = f"The chat template {name} changed, and could not be rendered within its limits."
            note = f"The chat template {name} could not be rendered; it counts as rendering differently."
            yield Finding(step.where, message, files=step.files, note=note)
        elif step.otherwise:
            yield _rendered(step, step.otherwise)


def _rendered(step: _Step, otherwise: list[list[str]]) -> Finding:
    first, before, after = otherwise[0]
    message = (
        f"The chat template {shown(step.name)} renders {len(otherwise)} fixed conversations differently, first {first}:"
        " prompts, and parsers of tools and reasoning that go by them, are no longer the same."
    )
    return Finding(step.where, message, before, after, files=step.files)


chat_template = rule(
    "chat-template",
    Bump.MAJOR,
    change="a fixed conversation renders differently",
    breaks="tool and reasoning parsers",
    seen="render fixed conversations",
    example=(
        "The generation prompt now ends in `<think>`.",
        "A server's reasoning parser waits for a tag that no longer comes, and answers stay empty.",
    ),
)(_differs)


def _extended(pair: Pair) -> Iterable[Finding]:
    for step in _steps(pair):
        if step.kind == "edited" and step.otherwise == []:
            message = f"The chat template {shown(step.name)} changed; every fixed conversation renders as before."
            yield Finding(step.where, message, files=step.files)
        elif step.kind == "new" and step.name != "default":
            message = f"There is a chat template {shown(step.name)} beside the others, for whoever asks for it."
            yield Finding(step.where, message, None, shown(step.name), files=step.files)


chat_template_extended = rule(
    "chat-template-extended",
    Bump.MINOR,
    change="the template changed, every probe renders the same; a further template has a name of its own",
    breaks="nobody",
    seen="render fixed conversations",
    example=(
        "The template learns to show audio parts, which nobody could send before.",
        "Every conversation that worked gives the same prompt.",
    ),
)(_extended)


def _moved(pair: Pair) -> Iterable[Finding]:
    for step in _steps(pair):
        if step.kind == "moved":
            message = f"The chat template {shown(step.name)} is kept in another file; it is the same text."
            yield Finding(step.where, message, step.files[0], step.files[-1], files=step.files)
    for path in pair.changed:
        if is_template_file(path) and path not in _told(pair):
            yield Finding(path, f"{shown(path)} came, went or is spelled otherwise; the templates in use are the same.")


def _told(pair: Pair) -> set[str]:
    return {file for step in _steps(pair) for file in step.files}


chat_template_moved = rule(
    "chat-template-moved",
    Bump.PATCH,
    change="the same template in another file",
    breaks="nobody",
    seen="tokenizer_config.json, chat_template.jinja, chat_template.json, additional_chat_templates/",
    example=(
        "`chat_template` moves from tokenizer_config.json to chat_template.jinja.",
        "Nobody notices: loaders look in all these places.",
    ),
)(_moved)

RULES = (chat_template, chat_template_extended, chat_template_moved)
