"""Chat templates, wherever they are kept: which there are, and what they render."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.pair import View
from hfver.model.compare.probe_texts import CONVERSATIONS
from hfver.model.compare.settings.tokenizer import effective
from hfver.model.compare.tokenizer_process import ask

__all__ = ["is_template_file", "rendered_otherwise", "template_places", "templates"]

_FILE = "chat_template.jinja"
_JSON = "chat_template.json"
_FOLDER = "additional_chat_templates/"
_CONFIG = "tokenizer_config.json"
_PROCESSOR = "processor_config.json"
DEFAULT = "default"
SECONDS = 20.0
"""Time that rendering may take; real templates need milliseconds."""


def is_template_file(path: str) -> bool:
    """Tell whether a file holds nothing but a chat template."""
    return path in (_FILE, _JSON) or (path.startswith(_FOLDER) and path.endswith(".jinja"))


def templates(view: View) -> Mapping[str, str]:
    """Return every chat template by name, as loading the folder finds it."""
    return {name: source for name, (_, source) in template_places(view).items()}


def template_places(view: View) -> dict[str, tuple[str, str]]:
    """Return the file that holds each chat template, and its source; a file of its own goes first."""
    found: dict[str, tuple[str, str]] = {}
    for name, source in _named(view.object(_JSON).get("chat_template")):
        found[name] = (_JSON, source)
    for path in (_PROCESSOR, _CONFIG):
        for name, source in _named(view.object(path).get("chat_template")):
            found[name] = (path, source)
    for path in sorted(view.side.files):
        data = view.text(path) if path.endswith(".jinja") and is_template_file(path) else None
        if data is not None:
            name = DEFAULT if path == _FILE else PurePosixPath(path).stem
            found[name] = (path, _tidy(data.decode(errors="replace")))
    return found


def _named(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(DEFAULT, _tidy(value))]
    rows = value if isinstance(value, list) else [{"name": k, "template": v} for k, v in _items(value)]
    pairs = [(row.get("name"), row.get("template")) for row in rows if isinstance(row, dict)]
    return [(name, _tidy(source)) for name, source in pairs if isinstance(name, str) and isinstance(source, str)]


def _items(value: Any) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _tidy(source: str) -> str:
    """Jinja reads every line break as one character, and drops the last."""
    return source.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")


def rendered_otherwise(before: View, after: View, old: str, new: str) -> list[list[str]] | None:
    """Render the fixed conversations with both templates.

    Returns:
        Name, before and after of each that differs; None if that could not be found out.
    """
    sides = [{"source": source, "tokens": _tokens(view)} for view, source in ((before, old), (after, new))]
    answer = ask("templates", json.dumps({"sides": sides, "conversations": CONVERSATIONS}), SECONDS)
    return answer if isinstance(answer, list) else None


def _tokens(view: View) -> dict[str, str]:
    settings = effective(view)
    return {key: value for key, value in settings.items() if key.endswith("_token") and isinstance(value, str)}
