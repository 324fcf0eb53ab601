"""Reading the JSON files of an untrusted folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hfver.errors import BadCheckpoint

MAX_CONFIG_BYTES = 64 * 1024 * 1024
"""Configs take kilobytes. The bound keeps an untrusted folder from filling the memory."""


def read_json(path: Path) -> Any:
    """Read a JSON file of a checkpoint.

    Raises:
        BadCheckpoint: The file is missing, too large, or not valid JSON.
    """
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise BadCheckpoint(f"{path}: too large for a config ({path.stat().st_size} bytes).")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise BadCheckpoint(f"{path}: cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise BadCheckpoint(f"{path}: not valid JSON.", "Save the model again.") from None


def is_component(directory: Path) -> bool:
    """Return whether a folder with a config.json holds one model of diffusers, such as a ControlNet or a VAE."""
    config = read_json(directory / "config.json")
    return isinstance(config, dict) and isinstance(config.get("_class_name"), str) and "model_type" not in config
