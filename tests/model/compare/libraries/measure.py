"""Measure versions: what each knows by name, how it reads each feature, and how it reads what newer ones save."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import safe_open

from tests.model.compare.libraries.environments import Environment, environment
from tests.model.compare.libraries.features import FEATURES, Feature

__all__ = ["MEASURED", "Reading", "layouts", "read_features", "read_names", "verdict"]

MEASURED: Mapping[str, Sequence[str]] = {
    "transformers": (
        *("4.42.4", "4.43.4", "4.44.2", "4.45.2", "4.46.3", "4.47.1", "4.48.3", "4.49.0", "4.50.3", "4.51.3", "4.52.4"),
        *("4.53.3", "4.54.1", "4.55.4", "4.56.2", "4.57.6", "5.0.0", "5.1.0", "5.2.0", "5.3.0", "5.4.0", "5.5.4"),
        *("5.6.2", "5.7.0", "5.8.1", "5.9.0", "5.10.4", "5.11.0", "5.12.1", "5.13.1", "5.14.1", "5.15.1", "5.16.1"),
        *("5.17.0", "5.18.0", "5.19.0", "5.20.2", "5.21.1", "5.22.2", "5.23.0"),
    ),
    "peft": (
        *("0.10.0", "0.11.1", "0.12.0", "0.13.2", "0.14.0", "0.15.2", "0.16.0", "0.17.1", "0.18.1", "0.19.1", "0.20.0"),
        "0.21.2",
    ),
    "sentence-transformers": (
        *("2.7.0", "3.0.1", "3.4.1", "4.1.0", "5.0.0", "5.1.2", "5.2.3", "5.3.0", "5.4.1", "5.5.1", "5.6.1", "5.7.0"),
        *("6.0.1", "6.2.0"),
    ),
}
"""The last patch of each minor version, oldest first; of transformers 5 and sentence-transformers, with gaps."""

_HERE = Path(__file__).parent
Reading = Mapping[str, Any]
"""What ``read.py`` answers for one folder: ``facts`` or ``error``."""


def read_names(library: str, version: str, *, of: Callable[[str, str], Environment] = environment) -> dict[str, Any]:
    """Return the names that a version knows."""
    held = of(library, version)
    return dict(held.answer(_HERE / "names.py", library))


def importable(version: str, paths: Sequence[str]) -> list[str]:
    """Return which module classes a version of sentence-transformers can import."""
    held = environment("sentence-transformers", version)
    return list(held.answer(_HERE / "names.py", "sentence-transformers", question=paths)["module_type"])


def read_features(library: str, version: str, folders: Mapping[str, tuple[Path, Path]]) -> dict[str, list[Reading]]:
    """Return how a version reads each feature and its control.

    Args:
        library: The library.
        version: Its version.
        folders: The folder with each feature, and the control.
    """
    found = [feature for feature in FEATURES if feature.library == library and feature.id in folders]
    question = [[feature.kind, str(folder)] for feature in found for folder in folders[feature.id]]
    answer = environment(library, version).answer(_HERE / "read.py", question=question)
    return {feature.id: answer[2 * at : 2 * at + 2] for at, feature in enumerate(found)}


def verdict(feature: Feature, answers: Sequence[Reading], newest: Sequence[Reading]) -> str:
    """Return what a version does with a feature: ``same``, ``refuses``, ``misreads``, or ``unknown``.

    It is unknown where the version does not read the control as the newest one does: then more than the feature
    separates the two.
    """
    with_it, control = answers
    if "error" in control or not alike(control["facts"], newest[1].get("facts")):
        return "unknown"
    if "error" in with_it:
        return "refuses"
    if "error" in newest[0]:  # a name that no version knows stands for all names of later versions
        return "same" if alike(with_it["facts"], control["facts"]) else "misreads"
    return "same" if alike(with_it["facts"], newest[0]["facts"]) else "misreads"


def alike(one: Any, other: Any) -> bool:
    """Return whether two values that ``read.py`` printed are equal, numbers up to rounding."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 0.02 * max(1.0, abs(one)) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def layouts(root: Path, kinds: Sequence[str], versions: Iterable[str], newest: str) -> dict[str, dict[str, Reading]]:
    """Return how versions read models that the newest one saved.

    Args:
        root: A folder per model type, with the model and ``inputs.pt``.
        kinds: The model types.
        versions: The versions to read them with.
        newest: The version that reads everything.

    Returns:
        For each type and version, the reading; those of ``newest`` too.
    """
    found: dict[str, dict[str, Reading]] = {kind: {} for kind in kinds}
    for version in (newest, *versions):
        answer = environment("transformers", version).answer(
            _HERE / "read.py", question=[["model", str(root / kind)] for kind in kinds]
        )
        for kind, reading in zip(kinds, answer, strict=True):
            found[kind][version] = reading
    return found


def new_names(root: Path, kinds: Sequence[str], version: str) -> dict[str, list[str]]:
    """Return the tensors that the newest version names otherwise than an older one does, with digits as N."""
    question = []
    for kind in kinds:
        config = json.loads((root / kind / "config.json").read_text(encoding="utf-8"))
        given = json.loads((root / kind / "given.json").read_text(encoding="utf-8"))
        question.append([config["architectures"][0], given])
    answer = environment("transformers", version).answer(_HERE / "write.py", question=question)
    found = {}
    for kind, old in zip(kinds, answer, strict=True):
        if old is not None:
            with safe_open(str(root / kind / "model.safetensors"), "pt") as file:
                found[kind] = sorted(_patterns(file.keys()) - _patterns(old))
    return found


def _patterns(names: Iterable[str]) -> set[str]:
    return {re.sub(r"\d+", "N", name) for name in names}
