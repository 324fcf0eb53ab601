"""Note which settings of a config are read while a model is loaded, run or asked to generate, and by which line."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

__all__ = ["Reads", "reads_noted"]

Reads = dict[str, set[tuple[str, int]]]
"""For each setting, the files and lines that read it."""

# These read every setting to copy, check or show a config, not to use it.
_COPYING = {
    *("__init__", "__post_init__", "to_dict", "to_diff_dict", "to_json_string", "save_pretrained", "__setattr__"),
    *(
        "__repr__",
        "__eq__",
        "from_dict",
        "from_pretrained",
        "_from_config",
        "get_config_dict",
        "__deepcopy__",
        "validate",
    ),
}


@contextlib.contextmanager
def reads_noted(model_type: str) -> Iterator[Reads]:
    """Note every read of a config of one model type, until the end of the block."""
    from transformers import PreTrainedConfig

    found: Reads = {}
    plain: Any = PreTrainedConfig.__getattribute__

    def noted(self: Any, key: str) -> Any:
        if key[:2] != "__" and type(self).model_type == model_type and (place := _reader(key)):
            found.setdefault(key, set()).add(place)
        return plain(self, key)

    PreTrainedConfig.__getattribute__ = noted  # type: ignore[method-assign]
    try:
        yield found
    finally:
        PreTrainedConfig.__getattribute__ = plain  # type: ignore[method-assign]


def _reader(key: str) -> tuple[str, int] | None:
    """Return who reads a setting: the nearest line outside of the config's own code; None if it is only copied."""
    frame = sys._getframe(2)
    while frame is not None and _is_config_code(frame.f_code.co_filename):
        if frame.f_code.co_name in _COPYING or frame.f_code.co_name.startswith("validate_"):
            return None
        frame = frame.f_back  # type: ignore[assignment]
    return (frame.f_code.co_filename, frame.f_lineno) if frame is not None else None


def _is_config_code(filename: str) -> bool:
    name = PurePath(filename).name
    return name.startswith("configuration_") or name == "dataclasses.py"
