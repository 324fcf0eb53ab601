"""A setting of config.json or generation_config.json, as transformers holds it after loading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def lookup(held: Any, key: str) -> dict[str, Any]:
    """Find a setting by its dotted path; names may have dots themselves."""
    if isinstance(held, dict):
        if key in held:
            return {"value": held[key]}
        for end, letter in enumerate(key):
            if letter == "." and key[:end] in held:
                found = lookup(held[key[:end]], key[end + 1 :])
                if found:
                    return found
    return {}


def load(folder: Path, kind: str) -> Any:
    """Load the config as transformers does."""
    from transformers import AutoConfig, GenerationConfig

    if kind == "config":
        return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    if (folder / "generation_config.json").is_file():
        return GenerationConfig.from_pretrained(folder, local_files_only=True)
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    return GenerationConfig.from_model_config(config)


def observe(folder: Path, question: dict[str, Any]) -> dict[str, Any]:
    """Return the setting as {"value": ...}; an empty object if the class does not have it."""
    held = load(folder / question["folder"], question["kind"])
    if question["key"] in ("num_labels", "_num_labels"):
        return {"value": len(held.id2label)}
    found = lookup(json.loads(json.dumps(held.to_dict(), default=str)), question["key"])
    return found if found.get("value") is not None else {}


def differences(question: dict[str, Any], expected: dict[str, Any], observed: dict[str, Any]) -> list[str]:
    """Say how the setting differs."""
    before, after = expected.get("value"), observed.get("value")
    if observed == expected:
        return []
    key = question["key"]
    if key.endswith("id2label") and isinstance(before, dict) and isinstance(after, dict):
        pairs = [(number, before.get(number), after.get(number)) for number in sorted({*before, *after})]
        return [f"class {n} was {one!r} and is now {other!r}" for n, one, other in pairs if one != other]
    if key.endswith("eos_token_id"):
        old, new = (value if isinstance(value, list) else [value] for value in (before, after))
        gone = [f"generation no longer stops at id {one!r}" for one in old if one is not None and one not in new]
        return gone + [f"generation now stops at id {one!r}" for one in new if one is not None and one not in old]
    what = "generation config" if question["kind"] == "generation" else "config"
    return [f"{key} of the loaded {what} was {before!r} and is now {after!r}"]
