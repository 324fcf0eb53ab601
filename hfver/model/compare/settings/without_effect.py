"""Settings of a model's config that change nothing at inference: an exact table by model type, and how it is read.

``python -m tests.model.compare.metadata`` makes the table from the classes of transformers. What it does not name has
an effect as far as anybody knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["TABLE", "has_no_effect", "has_no_effect_on_generation", "known_types", "settings_of"]

TABLE = Path(__file__).with_name("without_effect.json")

_ANY_TYPE = frozenset(
    {
        # What a config says of how it was written.
        *("transformers_version", "_name_or_path", "name_or_path", "_commit_hash", "_attn_implementation_autoset"),
        *("unsloth_fixed", "unsloth_version"),
        # Of older versions of the base class: for TorchScript, for TensorFlow, for training, for a script's notes.
        *("torchscript", "use_bfloat16", "gradient_checkpointing", "finetuning_task"),
    }
)
_UNKNOWN_TYPE = frozenset({"use_cache", "output_attentions", "output_hidden_states"})
"""Switches of the base class, for types that are not in the table, such as those of a repo's own code."""
_ALL_BUT = "all but: "


def has_no_effect(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether a setting changes nothing at inference.

    Args:
        key: Its dotted path in ``config.json``.
        before: The whole config on one side. Its nested configs must name their types.
        after: The whole config on the other side.
    """
    owners = _owners(key, before)
    if owners is None or owners != _owners(key, after):
        return False
    name = key.rpartition(".")[2]
    if name in _ANY_TYPE:
        return True
    kind = owners[-1]
    if kind not in known_types():
        # The config of an unknown type may hold anything, and read what is nested in it in any way.
        return len(owners) == 1 and name in _UNKNOWN_TYPE
    if not all(owner in known_types() for owner in owners):
        return False
    return name in settings_of(kind) and not any(name in _read_by_outer().get(owner, ()) for owner in owners[:-1])


def has_no_effect_on_generation(key: str) -> bool:
    """Return whether a setting of ``generation_config.json`` changes no generated token."""
    return key in _ANY_TYPE or any(key in names.split() for names in _table()["generation"].values())


@cache
def known_types() -> frozenset[str]:
    """Return the model types that the table knows."""
    return frozenset(_table()["types"])


@cache
def settings_of(kind: str) -> frozenset[str]:
    """Return the settings and switches that the table holds for a model type."""
    parts = (_types_of("settings"), _types_of("switches"))
    return frozenset(name for part in parts for name, kinds in part.items() if kind in kinds)


def _owners(key: str, config: Mapping[str, Any]) -> list[str] | None:
    """Return the types of the configs around a setting, the outermost first; None if it is not in a config."""
    *path, name = key.split(".")
    owners = [str(config.get("model_type"))]
    held: Any = config
    for part in path:
        held = held.get(part)
        if not isinstance(held, dict) or not isinstance(held.get("model_type"), str):
            return None
        owners.append(held["model_type"])
    return owners if name else None


@cache
def _types_of(part: str) -> Mapping[str, frozenset[str]]:
    return {name: _expanded(kinds) for name, kinds in _table()[part].items()}


def _expanded(kinds: str) -> frozenset[str]:
    if kinds.startswith(_ALL_BUT.rstrip()):
        return known_types() - set(kinds.removeprefix(_ALL_BUT.rstrip()).split())
    return frozenset(kinds.split())


@cache
def _read_by_outer() -> Mapping[str, frozenset[str]]:
    return {kind: frozenset(names.split()) for kind, names in _table()["read_by_outer"].items()}


@cache
def _table() -> dict[str, Any]:
    return dict(json.loads(TABLE.read_text(encoding="utf-8")))
