"""The team's own prompts: reading them, and taking them out of a golden again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from hfver.errors import BadConfig
from hfver.model.smoke.golden.packing import pack_outcomes, stored_outcomes
from hfver.model.smoke.golden.record import GoldenFiles

__all__ = ["read_prompts", "without_prompts"]

MAX_BYTES = 1024 * 1024
MAX_PROMPTS = 64


def read_prompts(file: Path) -> tuple[str, ...]:
    """Read prompts from a file: one per line, or in a ``.jsonl`` file one JSON string per line.

    Raises:
        BadConfig: The file cannot be read, or is too large.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise BadConfig(f"{file} has more than {MAX_BYTES} bytes.", f"The first {MAX_PROMPTS} prompts are enough.")
        lines = [line for line in data.decode().splitlines() if line.strip()][:MAX_PROMPTS]
        found = [json.loads(line) if file.suffix == ".jsonl" else line for line in lines]
    except OSError as error:
        raise BadConfig(f"{file} cannot be read: {error.strerror}.", "See [golden] in hfver.toml.") from None
    except ValueError as error:
        raise BadConfig(f"{file} has no prompts that can be read: {error}.", "Write one prompt per line.") from None
    if not all(isinstance(one, str) for one in found):
        raise BadConfig(f"{file} has a line that is not a JSON string.", "Write one JSON string per line.")
    return tuple(found)


def without_prompts(files: GoldenFiles) -> GoldenFiles:
    """Return a golden without the team's own prompts, and without what the model computes from them."""
    numbers = files.golden.numbers
    kept = [] if numbers is None else [place for place, one in enumerate(numbers.inputs) if one.origin != "prompts"]
    if numbers is None or files.golden.prompts == "none":
        return files
    outcomes = stored_outcomes(files)
    places, data = pack_outcomes([outcomes[place] for place in kept])
    fewer = numbers.model_copy(
        update={
            "inputs": tuple(numbers.inputs[place] for place in kept),
            "positions": tuple(numbers.positions[place] for place in kept if numbers.positions),
            "vectors": tuple(numbers.vectors[place] for place in kept if numbers.vectors),
            "arrays": places,
            "loss": None,
        }
    )
    changed = {"numbers": fewer, "prompts": "none", "bin_size": len(data)}
    golden = files.golden.model_copy(update=changed | {"bin_sha256": hashlib.sha256(data).hexdigest()})
    return replace(files, golden=golden, data=data)
