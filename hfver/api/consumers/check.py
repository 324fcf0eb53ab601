"""Recognize each consumer, and judge every change for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hfver.api.consumers.adapter import judge_adapter
from hfver.api.consumers.code import judge_code, names_in
from hfver.api.consumers.judgement import Compared, Judge, for_everyone, unknown
from hfver.api.consumers.labels import judge_labels, labels_of
from hfver.api.consumers.lock import judge_lock
from hfver.api.consumers.serving import flags_of, judge_serving
from hfver.api.consumers.tokens import grammar_literals, judge_grammar, judge_ids, sequences_of
from hfver.errors import HfverError, UsageError
from hfver.model.compare import Consumer, ConsumerAnswer, Difference
from hfver.model.compare.json_values import parse_json, printable

__all__ = ["check_consumers"]

MAX_BYTES = 16 * 1024 * 1024
"""Size of the largest consumer file that is read, in bytes."""
MAX_SOURCE = 2 * 1024 * 1024
"""Size of the largest Python file that is read, in bytes: its syntax tree is a hundred times as large."""
_MOST_FILES = 500
"""How many Python files of a folder are read."""
_GRAMMARS = (".gbnf", ".lark", ".ebnf")

Recognized = tuple[str, Callable[[Compared], Judge]]


class _Unreadable(Exception):
    """A consumer cannot be understood; the message is a sentence."""


def check_consumers(paths: Sequence[Path], compared: Compared, found: Difference) -> tuple[Consumer, ...]:
    """Say for each consumer and each change whether it breaks.

    Args:
        paths: The consumers' files and folders.
        compared: Both sides.
        found: Their difference.

    Raises:
        UsageError: A path does not exist.
    """
    return tuple(_check(path, compared, found) for path in paths)


def _check(path: Path, compared: Compared, found: Difference) -> Consumer:
    if not path.exists():
        raise UsageError(f"{path} does not exist.", "Name a file or folder that uses the model: --consumer PATH")
    kind, judge = "unknown", _cannot("Nothing that hfver knows how to read is in it.")
    try:
        kind, make = _recognize(path)
        judge = make(compared)
    except _Unreadable as error:
        judge = _cannot(str(error))
    except HfverError as error:
        judge = _cannot(printable(error.message, 300))
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError, LookupError, TypeError) as error:
        # The file is somebody else's: whatever is wrong with it, the difference is still worth showing.
        judge = _cannot(f"It cannot be read: {printable(str(error), 200)}.")
    answers = []
    for change in found.changes:
        verdict, why = for_everyone(change) or judge(change)
        answers.append(ConsumerAnswer(change.rule, change.where, verdict, why))
    return Consumer(str(path), kind, tuple(answers))


def _cannot(why: str) -> Judge:
    return lambda _: unknown(why)


def _recognize(path: Path) -> Recognized:
    if path.is_dir():
        return _folder(path)
    suffix = path.suffix.lower()
    # Opening a pipe would wait for somebody to write into it.
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise _Unreadable(f"It is not a regular file of at most {MAX_BYTES // 1024 // 1024} MiB.")
    if path.name == "hfver.lock":
        return "lock", lambda compared: judge_lock(path, compared)
    if suffix == ".npy":
        return _ids(_numbers_of_npy(path))
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _Unreadable("It is not a text file.") from None
    if suffix == ".py":
        if len(text) > MAX_SOURCE:
            raise _Unreadable(f"It is more than {MAX_SOURCE // 1024 // 1024} MiB of Python.")
        names = names_in([(path.name, text)])
        return "python", lambda compared: judge_code(names, [path], compared)
    if suffix in _GRAMMARS:
        return _grammar(grammar_literals(text, suffix))
    if suffix in (".json", ".jsonl"):
        return _json(text, suffix)
    numbers = re.findall(r"\S+", text)
    if numbers and all(re.fullmatch(r"\d{1,9},?", one) for one in numbers):
        lines = [[int(one) for one in re.findall(r"\d+", line)] for line in text.splitlines()]
        return _ids([line for line in lines if line])
    return _serving(text)


def _folder(path: Path) -> Recognized:
    if (path / "adapter_config.json").is_file():
        return "adapter", lambda compared: judge_adapter(path, compared)
    files = sorted(file for file in path.rglob("*.py") if file.is_file() and file.stat().st_size <= MAX_SOURCE)
    if not files:
        raise _Unreadable("It has neither an adapter_config.json nor Python files.")
    if len(files) > _MOST_FILES:
        raise _Unreadable(f"It has more than {_MOST_FILES} Python files: name a part of it.")
    names = names_in([(str(file.relative_to(path)), file.read_text(encoding="utf-8")) for file in files])
    return "python", lambda compared: judge_code(names, [path], compared)


def _json(text: str, suffix: str) -> Recognized:
    if suffix == ".jsonl":
        return _ids(sequences_of([parse_json(line.encode()) for line in text.splitlines() if line.strip()]))
    value: Any = parse_json(text.encode())
    labels = labels_of(value)
    if labels:
        return "labels", lambda compared: judge_labels(labels, compared)
    if isinstance(value, dict) and {"$schema", "properties", "enum", "anyOf", "$ref"} & value.keys():
        return _grammar(grammar_literals(text, suffix))
    if found := sequences_of(value):
        return _ids(found)
    return _serving(text)


def _ids(sequences: list[list[int]]) -> Recognized:
    if not sequences:
        raise _Unreadable("It holds no list of token ids.")
    return "token-ids", lambda compared: judge_ids(sequences, compared)


def _grammar(literals: list[str]) -> Recognized:
    if not literals:
        raise _Unreadable("The grammar has no literals.")
    return "grammar", lambda compared: judge_grammar(literals, compared)


def _serving(text: str) -> Recognized:
    flags = flags_of(text)
    if not flags:
        raise _Unreadable("Neither token ids, a grammar, labels nor flags of a server are in it.")
    return "serving", lambda compared: judge_serving(flags, compared)


def _numbers_of_npy(path: Path) -> list[list[int]]:
    try:
        import numpy
    except ImportError:
        raise _Unreadable("Reading .npy files needs numpy.") from None
    # Mapped, so that a header that promises more than the file has is an error and not an allocation.
    held = numpy.load(path, mmap_mode="r", allow_pickle=False)
    if not numpy.issubdtype(held.dtype, numpy.integer) or held.ndim not in (1, 2) or (held.size and held.min() < 0):
        raise _Unreadable("It holds no token ids: one or two dimensions of integers are read.")
    rows = held.tolist()
    return [row for row in ([rows] if held.ndim == 1 else rows) if row]
