"""Make the table of what each version introduced: ``python -m tests.model.compare.libraries``, about 20 minutes.

It needs a package index, and 4 GB for the environments, which ``HFVER_LIBRARIES`` may place. ``--keep FOLDER`` keeps
the tiny models that the newest version saves, and takes those that are there already.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import torch

from hfver.model.compare.libraries.table import TABLE
from tests.model.compare.libraries.features import FEATURES
from tests.model.compare.libraries.measure import (
    MEASURED,
    Reading,
    alike,
    importable,
    layouts,
    new_names,
    read_features,
    read_names,
    verdict,
)
from tests.model.compare.metadata.__main__ import all_types

__all__ = ["feature_rows", "first_versions", "name_rows", "save_types"]

_SECONDS = 10
_MEMORY = 2 * 1024**3
_LAST_OF_4 = "4.57.6"
"""The last version that takes RoPE's settings from the root of a config, and its own defaults where they are absent."""
_LAYOUT_READERS = ("4.51.3", "4.57.6", "5.0.0", "5.3.0", "5.10.4", "5.16.1")
"""Every model type is read with these; those that one of them fails on, with all."""


def first_versions(known: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return the first version that knows each name, without the names that the oldest one knows.

    Args:
        known: The names that each version knows, oldest version first.
    """
    found: dict[str, str] = {}
    for version, names in known.items():
        for name in names:
            found.setdefault(name, version)
    oldest = next(iter(known))
    return {name: version for name, version in sorted(found.items()) if version != oldest}


def name_rows(library: str) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, float]]]:
    """Return the first versions of the names of a library by kind, and the defaults of RoPE by model type."""
    known = {version: read_names(library, version) for version in MEASURED[library]}
    if library == "sentence-transformers":
        paths = sorted({path for held in known.values() for path in held["module_type"]})
        known = {version: {"module_type": importable(version, paths)} for version in known}
    defaults = known.get(_LAST_OF_4, {}).get("rope_defaults", {})
    kinds = [kind for kind in next(iter(known.values())) if kind != "rope_defaults"]
    found = {kind: first_versions({version: held[kind] for version, held in known.items()}) for kind in kinds}
    if "architectures" in found:
        newest = known[MEASURED[library][-1]]["architectures"]
        # A class of a new type says nothing that its type does not say.
        types, classes = found["model_type"], found["architectures"]
        found["architectures"] = {
            name: version for name, version in classes.items() if types.get(newest.get(name, ""), "") != version
        }
    return found, defaults


def feature_rows(root: Path) -> list[dict[str, Any]]:
    """Return what the versions do with each feature."""
    folders = {feature.id: feature.folders(root) for feature in FEATURES}
    found = []
    for library, versions in MEASURED.items():
        answers = {version: read_features(library, version, folders) for version in versions}
        newest = answers[versions[-1]]
        for feature in (feature for feature in FEATURES if feature.library == library):
            verdicts = {
                version: verdict(feature, held[feature.id], newest[feature.id]) for version, held in answers.items()
            }
            errors = {version: held[feature.id][0].get("error", "") for version, held in answers.items()}
            found.append({"id": feature.id, "library": library, **_bounds(verdicts, errors)})
            print(library, feature.id, verdicts, file=sys.stderr)
    return found


def _bounds(verdicts: Mapping[str, str], errors: Mapping[str, str]) -> dict[str, Any]:
    """Return where the versions that work begin, and what those before it do."""
    failing = [version for version, verdict in verdicts.items() if verdict in ("refuses", "misreads")]
    newest = failing[-1] if failing else None
    known = [version for version, verdict in verdicts.items() if verdict != "unknown"]
    working = [
        version for version in known if newest is None or list(verdicts).index(version) > list(verdicts).index(newest)
    ]
    return {
        "fails": verdicts[newest] if newest else None,
        "verdicts": {version: verdicts[version] for version in failing},
        "newest_that_fails": newest,
        "oldest_that_works": working[0] if working else None,
        "oldest_measured": known[0] if known else None,
        "evidence": errors.get(newest, "") if newest else "",
    }


def save_types(root: Path, kinds: Sequence[str]) -> list[str]:
    """Save a tiny model of each type with the installed version, each in a process with limits of its own.

    Returns:
        The types that are small enough and run.
    """
    from tests.model.compare.metadata.tiny_models import with_inputs

    with_inputs("gpt2")  # what it imports is there before the processes split
    for kind in kinds:
        folder = root / kind
        if folder.exists():
            continue
        if (child := os.fork()) == 0:
            signal.alarm(_SECONDS)
            resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            try:
                if (found := with_inputs(kind)) is not None:
                    found.model.save_pretrained(folder)
                    (folder / "given.json").write_text(json.dumps(found.given), encoding="utf-8")
                    torch.save(found.inputs, folder / "inputs.pt")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    return [kind for kind in kinds if (root / kind / "inputs.pt").exists()]


def layout_rows(root: Path, model_types: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the types whose tensors have names that older versions do not find, though they know the type."""
    newest = MEASURED["transformers"][-1]
    kinds = save_types(root, all_types())
    first = layouts(root, kinds, _LAYOUT_READERS, newest)
    kinds = [kind for kind in kinds if "facts" in first[kind][newest]]
    suspect = [kind for kind in kinds if any(_reads(first[kind], v, newest) != "same" for v in _LAYOUT_READERS)]
    versions = MEASURED["transformers"]
    every = layouts(root, suspect, [version for version in versions if version != newest], newest)
    found = {}
    for kind in suspect:
        since = versions.index(model_types[kind]) if kind in model_types else 0
        held = {version: _reads(every[kind], version, newest) for version in versions[since:]}
        bounds = _bounds(held, {version: _evidence(reading) for version, reading in every[kind].items()})
        if bounds["newest_that_fails"]:
            names = new_names(root, [kind], bounds["newest_that_fails"]).get(kind, [])
            print("layout", kind, held, names[:3], file=sys.stderr)
            if names:
                found[kind] = {"tensors": _shortest(names), **bounds}
    return found


def _reads(readings: Mapping[str, Reading], version: str, newest: str) -> str:
    held = readings[version]
    if "error" in held:
        # A class that a version lacks is found by its name.
        return "unknown" if "has no attribute" in held["error"] else "refuses"
    return "same" if alike(held["facts"], readings[newest]["facts"]) else "misreads"


def _evidence(reading: Reading) -> str:
    missing = reading.get("facts", {}).get("missing", [])
    return str(reading.get("error") or (f"{len(missing)} tensors not found: {missing[0]}, …" if missing else ""))


def _shortest(names: Sequence[str], most: int = 3) -> list[str]:
    return sorted(sorted(names, key=len)[:most])


def _names() -> dict[str, Any]:
    names: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for library in MEASURED:
        found, held = name_rows(library)
        defaults |= held
        names |= {kind: {"library": library, "first": first} for kind, first in found.items()}
    return {"names": names, "rope_defaults": defaults}


def main() -> None:
    """Do what the arguments ask."""
    parser = argparse.ArgumentParser(prog="python -m tests.model.compare.libraries", description=__doc__)
    parser.add_argument("parts", nargs="*", help="features, names or layouts; without any, all three in this order")
    parser.add_argument("--keep", type=Path, help="a folder for the tiny models that the newest version saves")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for part in options.parts or ("features", "names", "layouts"):
        with tempfile.TemporaryDirectory() as folder:
            if part == "features":
                found: dict[str, Any] = {"features": feature_rows(Path(folder))}
            elif part == "names":
                found = _names()
            else:
                first = read_table()["names"]["model_type"]["first"]
                found = {"layouts": layout_rows(options.keep or Path(folder), first)}
        # Read again: parts may be made side by side.
        table = {**(read_table() if TABLE.exists() else {}), **found, "measured": MEASURED}
        table["made_with"] = {library: installed(library) for library in MEASURED}
        TABLE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read_table() -> dict[str, Any]:
    """Return the table as it is now."""
    return dict(json.loads(TABLE.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
