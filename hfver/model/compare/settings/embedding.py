"""The files of sentence-transformers: which modules compute a vector, and how."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.keys import ChangedSetting, KeyRules, changed_settings
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.settings import config, diffusion

_MAIN = "config_sentence_transformers.json"
_NAMES = ("modules.json", _MAIN, "sentence_bert_config.json")
_OWN = "sentence_transformers."
# What SentenceTransformer of version 6.2 holds where the file says nothing.
_MAIN_DEFAULTS = {"similarity_fn_name": "cosine", "model_type": "SentenceTransformer"}
_NO_PROMPTS = {"query": "", "document": ""}
# Modules that read and write the vector of the sentence unless their config names another output. Up to version 5,
# Normalize had no config.
_NAMED = ("Normalize", "Dense")
# In the order in which sentence-transformers 6.2 joins the vectors of several ways.
_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
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
    """Return what sentence-transformers holds after loading a file, in the names that version 6 writes."""
    value = side.json(path)
    if isinstance(value, list):
        # The order of the modules matters; their idx and name only repeat it.
        value = {"modules": [_module(entry) for entry in value]}
    held = value if isinstance(value, dict) else {}
    given = {key: item for key, item in held.items() if item is not None}
    if PurePosixPath(path).name == _MAIN:  # without the file, the class holds the same defaults
        prompts = given.get("prompts", {})
        named = {"prompts": {**_NO_PROMPTS, **prompts}} if isinstance(prompts, dict) else {}
        return {**_MAIN_DEFAULTS, **given, **named}
    is_pooling = "pooling_mode" in given or any(key in _POOLING for key in given)
    if is_pooling:
        return _pooling(given)
    return _named(given) if _kind_of(side, path) in _NAMED else given


def _kind_of(side: ParsedSide, path: str) -> str:
    """Return the class of the module whose config this is; empty if no module is known for it."""
    modules = side.json("modules.json")
    folder = str(PurePosixPath(path).parent)
    for entry in modules if isinstance(modules, list) else ():
        if isinstance(entry, dict) and entry.get("path") == folder:
            kind = str(_module(entry)[1])
            return kind.removeprefix(_OWN) if kind.startswith(_OWN) else ""
    return ""


def _named(given: dict[str, Any]) -> dict[str, Any]:
    name = given.get("module_input_name", "sentence_embedding")
    return {"module_input_name": name, "module_output_name": name, **given}


def _pooling(given: dict[str, Any]) -> dict[str, Any]:
    """Do as the class Pooling: up to version 5, each way of pooling had a switch of its own."""
    rest = {key: item for key, item in given.items() if key not in _POOLING and key != "word_embedding_dimension"}
    if "word_embedding_dimension" in given:
        rest.setdefault("embedding_dimension", given["word_embedding_dimension"])
    if any(key in _POOLING for key in given):
        modes = [mode for key, mode in _POOLING.items() if given.get(key)] or ["mean"]
        rest.setdefault("pooling_mode", modes[0] if len(modes) == 1 else modes)
    return {"include_prompt": True, **rest}


def _module(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    kind = entry.get("type")
    if isinstance(kind, str) and kind.startswith(_OWN):
        # Its classes moved between its modules, and the old names are still understood.
        kind = _OWN + kind.rpartition(".")[2]
    return [entry.get("path"), kind]
