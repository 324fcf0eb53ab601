"""What happened to chat templates: added, removed, edited, written differently, moved to a different file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from hfver.model.compare.chat_templates import DEFAULT, TemplateComparison, compare_templates, find_templates
from hfver.model.compare.json_values import printable
from hfver.model.compare.pair import Pair

__all__ = ["TemplateChange", "template_changes"]


@dataclass(frozen=True)
class TemplateChange:
    """What happened to one template.

    Attributes:
        name: The template's name.
        files: The files that contain it, before and after.
        kind: What happened.
        comparison: Of an edited template: what the change means; None if that is unknown.
    """

    name: str
    files: tuple[str, ...]
    kind: Literal["added", "removed", "edited", "rewritten", "moved"]
    comparison: TemplateComparison | None = None

    @property
    def where(self) -> str:
        """The file and the template, as a change names them."""
        return f"{self.files[-1]}:{self.title}"

    @property
    def title(self) -> str:
        """The name, safe to show."""
        return printable(self.name)

    @property
    def subject(self) -> str:
        """The template as the subject of a sentence."""
        return "The default chat template" if self.name == DEFAULT else f"The chat template {self.title}"


def template_changes(pair: Pair) -> tuple[TemplateChange, ...]:
    """Return what happened to every template that differs."""
    return pair.once(_all_changes)


def _all_changes(pair: Pair) -> tuple[TemplateChange, ...]:
    return tuple(_find_changes(pair))


def _find_changes(pair: Pair) -> Iterator[TemplateChange]:
    old, new = find_templates(pair.before), find_templates(pair.after)
    for name in sorted(old.keys() | new.keys()):
        files = tuple(templates[name][0] for templates in (old, new) if name in templates)
        if name not in new or name not in old:
            # In a file that is the same on both sides, the template is there; one side's copy was not fetched.
            if any(path in pair.changed_files for path in files):
                yield TemplateChange(name, files, "removed" if name in old else "added")
        elif old[name][1] != new[name][1]:
            comparison = compare_templates(pair.before, pair.after, old[name][1], new[name][1])
            if comparison is None or not comparison.same:
                yield TemplateChange(name, files, "edited", comparison)
            else:
                yield TemplateChange(name, files, "rewritten" if files[0] == files[-1] else "moved")
        elif files[0] != files[-1]:
            yield TemplateChange(name, files, "moved")
