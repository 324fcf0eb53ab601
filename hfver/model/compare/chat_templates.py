"""Chat templates: in which files they are kept, and what they render."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.pair import ParsedSide
from hfver.model.compare.probe_texts import CONVERSATIONS
from hfver.model.compare.sandbox import run_job
from hfver.model.compare.settings.tokenizer import effective_settings

__all__ = ["TemplateComparison", "compare_templates", "find_templates", "is_template_file"]

_FILE = "chat_template.jinja"
_JSON = "chat_template.json"
_FOLDER = "additional_chat_templates/"
_CONFIG = "tokenizer_config.json"
_PROCESSOR = "processor_config.json"
DEFAULT = "default"
SECONDS = 20.0
"""Time limit for comparing two templates; making up conversations may take less than half of it."""


def is_template_file(path: str) -> bool:
    """Return whether a file holds nothing but a chat template."""
    return path in (_FILE, _JSON) or (path.startswith(_FOLDER) and path.endswith(".jinja"))


def find_templates(side: ParsedSide) -> dict[str, tuple[str, str]]:
    """Return the file and the source of each chat template, by name.

    Later places replace earlier ones, as in transformers: a ``.jinja`` file has precedence over the configs.
    """
    found: dict[str, tuple[str, str]] = {}
    for name, source in _named(side.object(_JSON).get("chat_template")):
        found[name] = (_JSON, source)
    for path in (_PROCESSOR, _CONFIG):
        for name, source in _named(side.object(path).get("chat_template")):
            found[name] = (path, source)
    for path in sorted(side.files):
        data = side.content(path) if path.endswith(".jinja") and is_template_file(path) else None
        if data is not None:
            # transformers names additional templates after their files.
            name = DEFAULT if path == _FILE else PurePosixPath(path).stem
            found[name] = (path, _normalized(data.decode(errors="replace")))
    return found


def _named(value: Any) -> list[tuple[str, str]]:
    """Read one template, a list of named templates, or an object with a template for each name."""
    if isinstance(value, str):
        return [(DEFAULT, _normalized(value))]
    rows = value if isinstance(value, list) else [{"name": k, "template": v} for k, v in _items(value)]
    pairs = [(row.get("name"), row.get("template")) for row in rows if isinstance(row, dict)]
    return [(name, _normalized(source)) for name, source in pairs if isinstance(name, str) and isinstance(source, str)]


def _items(value: Any) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _normalized(source: str) -> str:
    """Normalize line breaks as Jinja does: each counts as one character, and the last one is dropped."""
    return source.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")


@dataclass(frozen=True)
class TemplateComparison:
    """Two templates compared.

    Attributes:
        same: Whether their syntax trees mean the same.
        differences: Name or JSON, before and after of conversations that render differently. What the old template
            refused is not among them.
        unreached: What changed and was not reached by any conversation, each as a line of text.
    """

    same: bool
    differences: tuple[tuple[str, str, str], ...] = ()
    unreached: tuple[str, ...] = ()


def compare_templates(before: ParsedSide, after: ParsedSide, old: str, new: str) -> TemplateComparison | None:
    """Compare the trees of two templates, and render conversations with both until every changed branch was reached.

    Args:
        before: The side of the old template: its special tokens are inserted.
        after: The side of the new template.
        old: Source of the old template.
        new: Source of the new template.

    Returns:
        What was found; None if they could not be rendered within the limits.
    """
    # Each template gets its own side's tokens: a changed bos_token changes the prompt like an edited template.
    sides = [{"source": source, "tokens": _tokens(side)} for side, source in ((before, old), (after, new))]
    answer = run_job("templates", json.dumps({"sides": sides, "conversations": CONVERSATIONS}), SECONDS)
    if not isinstance(answer, dict):
        return None
    differences = tuple((str(name), str(one), str(other)) for name, one, other in answer["differences"])
    return TemplateComparison(bool(answer["same"]), differences, tuple(map(str, answer["unreached"])))


def _tokens(side: ParsedSide) -> dict[str, str]:
    settings = effective_settings(side)
    return {key: value for key, value in settings.items() if key.endswith("_token") and isinstance(value, str)}
