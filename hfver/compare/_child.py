"""The program behind ``child.py``: one job, read as JSON from standard input, answered as JSON.

It imports nothing of hfver and is started with ``-I``.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

_MEMORY = 4 * 1024**3


def main() -> None:
    """Do the job that the arguments name; whatever a library prints goes to standard error."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _limit(int(sys.argv[2]))
    jobs = {"configs": configs}
    result = jobs[sys.argv[1]](json.load(sys.stdin))
    with answer:
        json.dump(result, answer, default=str)


def _limit(seconds: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds + 5, seconds + 5))


def configs(pair: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Spell out the defaults of each config; None if one of them does not fit its class."""
    # Config classes need no torch, and importing it takes longer than everything else.
    sys.modules["torch"] = None  # type: ignore[assignment]
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind = pair[0].get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        return None
    try:
        return [_resolve(CONFIG_MAPPING[kind], config) for config in pair]
    except Exception:  # whatever a class raises on hostile values
        return None


def _resolve(kind: Any, config: dict[str, Any]) -> dict[str, Any]:
    # What is private, or names code, is never handed to a class.
    held = {key: value for key, value in config.items() if _is_held(key)}
    given = {key: value for key, value in config.items() if key not in held}
    resolved = kind(**given).to_dict()
    return {key: value for key, value in resolved.items() if not _is_held(key)} | held


def _is_held(key: str) -> bool:
    names = {"auto_map", "quantization_config", "transformers_version", "dtype", "architectures", "model_type"}
    return key.startswith("_") or key in names


if __name__ == "__main__":
    main()
