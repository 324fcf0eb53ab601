"""The job that looks for something that both sides show differently, with the probes that the witnesses are made of.

Run by ``sandbox.py`` in a child process: the file imports nothing from hfver.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

MAX_VALUE = 100_000
"""Characters of JSON that a script may hold of what the older side shows."""


def witnesses(question: dict[str, Any]) -> list[Any]:
    """Look for a witness of each change.

    Args:
        question: ``sides``, the files of each by path, in base64; ``groups``, of each change the candidates: the name
            of a probe, its question, and whether a failure on the newer side counts.

    Returns:
        For each change: the number of the first candidate that shows a difference, and what the older side shows;
        None if no candidate does.
    """
    # Nothing here computes with tensors, and importing torch takes longer than everything else.
    sys.modules["torch"] = None  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        sides = [Path(folder, name) for name in ("before", "after")]
        for side, files in zip(sides, question["sides"], strict=True):
            _write(side, files)
        return [_first(sides[0], sides[1], group) for group in question["groups"]]


def observed(question: dict[str, Any]) -> list[Any]:
    """Ask both sides the same questions.

    Args:
        question: ``sides``, as above; ``questions``, the name of a probe and its question.

    Returns:
        For each question what both sides answer, each in a list; None for a side that has no answer.
    """
    sys.modules["torch"] = None  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        sides = [Path(folder, name) for name in ("before", "after")]
        for side, files in zip(sides, question["sides"], strict=True):
            _write(side, files)
        return [[_observed(_probe(name), side, asked) for side in sides] for name, asked in question["questions"]]


def _write(side: Path, files: dict[str, str]) -> None:
    side.mkdir()
    for name, content in files.items():
        path = side / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(content))


def _first(before: Path, after: Path, group: list[Any]) -> list[Any] | None:
    for number, (name, question, may_fail) in enumerate(group):
        probe = _probe(name)
        answer = _observed(probe, before, question)
        if answer is None:
            continue
        [expected] = answer
        # A prompt that the older side refused was of use to nobody.
        refused = isinstance(expected, dict) and bool(expected.get("refused"))
        if not refused and _differs(probe, after, question, expected, may_fail):
            return [number, expected]
    return None


def _observed(probe: ModuleType, side: Path, question: dict[str, Any]) -> list[Any] | None:
    """Return the answer in a list; None where there is none, or it is too long for a script."""
    try:
        answer = probe.observe(side, question)
        return [answer] if len(json.dumps(answer)) <= MAX_VALUE else None
    except MemoryError:
        raise
    except Exception:  # a library raises anything for files that it cannot load
        return None


def _differs(probe: ModuleType, after: Path, question: dict[str, Any], expected: Any, may_fail: bool) -> bool:
    try:
        observed = probe.observe(after, question)
    except (MemoryError, ImportError):
        return False
    except Exception:
        return may_fail
    return bool(probe.differences(question, expected, observed))


_PROBES: dict[str, ModuleType] = {}


def _probe(name: str) -> ModuleType:
    if name not in _PROBES:
        path = Path(__file__).with_name("probes") / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"probe_{name}", path)
        if spec is None or spec.loader is None:
            raise ImportError(path)
        _PROBES[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(_PROBES[name])
    return _PROBES[name]


JOBS = {"witnesses": witnesses, "observed": observed}
