"""The files of sentence-transformers: which modules make a vector, and how."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.keys import Setting, Table, differing
from hfver.model.compare.pair import Pair, View
from hfver.model.compare.settings import config

_NAMES = ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json")
_RULES = Table.of(
    [
        ("metadata", r"__version__(\..*)?"),
        ("context", r"max_seq_length"),
    ],
    other="embedding-space",
)


def owns(pair: Pair, path: str) -> bool:
    """Tell whether a file says how vectors are made."""
    name = PurePosixPath(path).name
    return name in _NAMES or (name == "config.json" and not config.owns(pair, path))


def settings(pair: Pair) -> Iterator[Setting]:
    """Yield every setting that differs."""
    for path in pair.changed:
        if owns(pair, path):
            yield from differing(path, _tidy(pair.before, path), _tidy(pair.after, path), _RULES)


def _tidy(view: View, path: str) -> dict[str, Any]:
    value = view.json(path)
    if isinstance(value, list):
        # The order of modules counts; their numbers and names only repeat it.
        value = {"modules": [_module(entry) for entry in value]}
    held = value if isinstance(value, dict) else {}
    return {key: item for key, item in held.items() if item is not None}


def _module(entry: Any) -> Any:
    return [entry.get("path"), entry.get("type")] if isinstance(entry, dict) else entry
