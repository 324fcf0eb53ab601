"""The table of what each version of a library introduced; ``python -m tests.model.compare.libraries`` makes it.

For everything that newer versions write, the program loads the same files with older ones, each in an environment of
its own, and notes the oldest version that reads them as the newest does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["TABLE", "Bound", "Layout", "feature_bound", "layout_of", "name_bound", "rope_default", "version_key"]

TABLE = Path(__file__).with_name("minimum.json")


@dataclass(frozen=True)
class Bound:
    """From which version on something is read.

    Attributes:
        library: The library, by the name that pip knows.
        works: The oldest version that was measured to read it as the newest does.
        newest_failing: The newest version that was measured not to.
        fails: What that version does: ``refuses``, with an error, or ``misreads``, without one.
    """

    library: str
    works: str
    newest_failing: str
    fails: str


@dataclass(frozen=True)
class Layout:
    """Names of tensors that older versions do not find.

    Attributes:
        tensors: Some of the names, with N for each number.
        bound: From which version on they are found.
    """

    tensors: frozenset[str]
    bound: Bound


def feature_bound(feature: str) -> Bound | None:
    """Return from which version on a feature is read; None if every measured version reads it."""
    return _bound(_features().get(feature, {}))


def name_bound(kind: str, name: Any) -> Bound | None:
    """Return from which version on a name is known; None if the oldest measured version knows it, or none does.

    Args:
        kind: What it names: ``model_type``, ``architectures``, ``tokenizer_class``, ``quant_method``, ``peft_type``,
            ``lora_setting``, ``module_type``, ``image_processor_type`` or ``feature_extractor_type``.
        name: The name, from an untrusted file.
    """
    held = _table()["names"].get(kind, {})
    first = held.get("first", {}).get(name) if isinstance(name, str) else None
    if first is None:
        return None
    versions = _table()["measured"][held["library"]]
    before = versions[versions.index(first) - 1]
    return Bound(held["library"], first, before, _fails(kind, before))


def layout_of(model_type: Any) -> Layout | None:
    """Return the tensor names of a model type that older versions do not find; None if there are none."""
    held = _table().get("layouts", {}).get(model_type) if isinstance(model_type, str) else None
    bound = _bound({"library": "transformers", **held}) if held else None
    return Layout(frozenset(held["tensors"]), bound) if held and bound else None


def rope_default(model_type: Any, key: str) -> float | None:
    """Return what transformers 4 takes where a config of this type lacks a setting of RoPE."""
    held = _table()["rope_defaults"].get(model_type, {}) if isinstance(model_type, str) else {}
    return held.get(key)


def version_key(version: str) -> tuple[int, ...]:
    """Return a version as numbers that can be compared; bounded, because it may come from anybody."""
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version)[:8])


@cache
def _table() -> Mapping[str, Any]:
    held: Mapping[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return held


@cache
def _features() -> Mapping[str, Mapping[str, Any]]:
    return {row["id"]: row for row in _table()["features"]}


# The feature that was measured for each kind of name, with one that no version knows.
_STANDS_FOR = {
    "tokenizer_class": "tokenizer-backend",
    "quant_method": "quantization-method",
    "lora_setting": "adapter-key",
    "peft_type": "adapter-kind",
    "model_type": "model-type",
    "module_type": "module-path",
    "image_processor_type": "image-processor-class",
    "feature_extractor_type": "feature-extractor-class",
}


def _fails(kind: str, version: str) -> str:
    """Return what a version does with a name of this kind that it does not know."""
    measured = _features().get(_STANDS_FOR.get(kind, ""), {}).get("verdicts")
    # What is read as if it were not there is not an error.
    return "refuses" if measured is None or measured.get(version) == "refuses" else "misreads"


def _bound(row: Mapping[str, Any]) -> Bound | None:
    if not row.get("newest_that_fails") or not row.get("oldest_that_works"):
        return None
    return Bound(row["library"], row["oldest_that_works"], row["newest_that_fails"], row["fails"])
