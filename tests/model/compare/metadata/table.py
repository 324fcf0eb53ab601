"""Write the table of settings without effect, grouped so that people can read it and a change of it is a small one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from hfver.model.compare.settings.without_effect import TABLE
from tests.model.compare.metadata.generation_proof import prove_generation
from tests.model.compare.metadata.tiny_models import config_class

__all__ = ["table", "write_table"]

_ABOUT = (
    "Settings of config.json without effect at inference, by model type. Written by python -m"
    " tests.model.compare.metadata: a tiny model of each type computes the same with another value, and no code reads"
    " the setting where that could matter. A switch is read, and only decides what is returned besides the results."
)


def write_table(proofs: Iterable[Mapping[str, Any]]) -> None:
    """Write the table that hfver reads."""
    TABLE.write_text(_serialized(table(proofs)), encoding="utf-8")


def table(proofs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Group what was proved."""
    built = {proof["kind"]: proof for proof in sorted(proofs, key=lambda proof: proof["kind"]) if proof.get("model")}
    settings = _by_setting(built, "keys")
    unread, switches = prove_generation()
    return {
        "about": _ABOUT,
        "made_with": {name: version(name).partition("+")[0] for name in ("transformers", "torch")},
        "types": {kind: f"{proof['model']} {proof['length']}".removesuffix(" 0") for kind, proof in built.items()},
        "settings": settings,
        "switches": _by_setting(built, "switches"),
        "read_by_outer": {
            kind: names
            for kind, proof in built.items()
            if _is_composite(kind) and (names := " ".join(sorted(settings.keys() & set(proof["reads"]))))
        },
        "generation": {"settings": " ".join(unread), "switches": " ".join(switches)},
    }


def _by_setting(built: Mapping[str, Mapping[str, Any]], part: str) -> dict[str, str]:
    """List the types of each setting; where most have it, those that do not."""
    names = sorted({name for proof in built.values() for name in proof[part]})
    found = {}
    for name in names:
        kinds = [kind for kind, proof in built.items() if name in proof[part]]
        others = [kind for kind in built if kind not in kinds]
        found[name] = " ".join(kinds) if len(kinds) <= len(others) else " ".join(["all but:", *others])
    return found


def _is_composite(kind: str) -> bool:
    return bool(config_class(kind).sub_configs)


def _serialized(value: Mapping[str, Any]) -> str:
    """Serialize with one line per entry."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
