"""``--metrics FILE``: values that the user measured, as JSON or YAML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hfver.core.manifest import load_json
from hfver.core.yaml import load_yaml
from hfver.errors import BadConfig
from hfver.model.lineage.record import Evaluation
from hfver.model.lineage.run_files import MAX_BYTES, is_number

__all__ = ["read_metrics"]

_PARTS = {"metrics", "benchmarks"}


def read_metrics(path: Path) -> Evaluation:
    """Read names and numbers; nested names are joined with ``/``.

    The file holds either just these, or the keys ``metrics`` and ``benchmarks`` of a lineage record.

    Raises:
        BadConfig: The file cannot be read, or a value in it is not a finite number.
    """
    data = _load(path)
    if data.keys() <= _PARTS and all(isinstance(value, dict) for value in data.values()):
        parts = {key: dict(_flat(value, path, key)) for key, value in data.items()}
        return Evaluation(metrics=parts.get("metrics", {}), benchmarks=parts.get("benchmarks", {}))
    return Evaluation(metrics=dict(_flat(data, path, "")))


def _load(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
        data = load_json(raw, limit=MAX_BYTES) if path.suffix == ".json" else load_yaml(raw)
    except OSError as error:
        raise _bad(path, error.strerror or "cannot be read") from None
    except ValueError as error:
        raise _bad(path, str(error)) from None
    if not isinstance(data, dict) or not data:
        raise _bad(path, "holds no names and numbers")
    return data


def _flat(data: dict[Any, Any], path: Path, part: str, prefix: str = "") -> Iterator[tuple[str, int | float]]:
    for key, value in data.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flat(value, path, part, f"{name}/")
        elif is_number(value):
            yield name, value
        else:
            where = f"{part}.{name}" if part else name
            raise _bad(path, f"{where}: {str(value)[:80]!r} is not a finite number")


def _bad(path: Path, what: str) -> BadConfig:
    return BadConfig(
        f"--metrics {path}: {what}.",
        "Write a JSON or YAML file of names and numbers, such as {accuracy: 0.91}.",
    )
