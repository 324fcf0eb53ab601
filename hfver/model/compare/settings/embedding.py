"""The files of sentence-transformers: which modules compute a vector, and how."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.keys import ChangedSetting, KeyRules, changed_settings
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.settings import config, diffusion

_NAMES = ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json")
# Any setting of these files may move the vectors, so all but the known exceptions belong to one rule.
_RULES = KeyRules.compile(
    [
        ("metadata", r"__version__(\..*)?"),
        ("context", r"max_seq_length"),
    ],
    default="embedding-space",
)


def owns(pair: Pair, path: str) -> bool:
    """Return whether a file defines how vectors are computed."""
    name = PurePosixPath(path).name
    if name != "config.json":
        return name in _NAMES
    return not config.owns(pair, path) and not diffusion.owns(pair, path)


def settings(pair: Pair) -> Iterator[ChangedSetting]:
    """Yield every setting that differs."""
    for path in pair.changed_files:
        if owns(pair, path):
            yield from changed_settings(path, _normalized(pair.before, path), _normalized(pair.after, path), _RULES)


def _normalized(side: ParsedSide, path: str) -> dict[str, Any]:
    value = side.json(path)
    if isinstance(value, list):
        # The order of the modules matters; their idx and name only repeat it.
        value = {"modules": [_module(entry) for entry in value]}
    held = value if isinstance(value, dict) else {}
    return {key: item for key, item in held.items() if item is not None}


def _module(entry: Any) -> Any:
    return [entry.get("path"), entry.get("type")] if isinstance(entry, dict) else entry
