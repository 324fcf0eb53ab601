"""Dtype and shape of a tensor in the safetensors files of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def observe(folder: Path, question: dict[str, Any]) -> dict[str, Any]:
    """Return the tensor's dtype and shape; an empty object if no file has it."""
    from safetensors import safe_open

    for path in sorted((folder / question["folder"]).glob("*.safetensors")):
        if path.name in question["skip"]:
            continue
        with safe_open(path, framework="np") as file:
            if question["name"] in file.keys():  # noqa: SIM118 - it is no dictionary
                found = file.get_slice(question["name"])
                return {"dtype": str(found.get_dtype()), "shape": list(found.get_shape())}
    return {}


def differences(question: dict[str, Any], expected: dict[str, Any], observed: dict[str, Any]) -> list[str]:
    """Say how the tensor differs."""
    name = question["name"]
    if not observed and expected:
        return [f"the tensor {name!r} is missing"]
    if observed and not expected:
        return [f"the tensor {name!r} is there now, and was not before"]
    pairs = [(key, expected[key], observed[key]) for key in expected]
    return [f"the {key} of {name!r} was {one} and is now {other}" for key, one, other in pairs if one != other]
