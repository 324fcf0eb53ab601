"""Find a witness for each MAJOR change: try the candidates on both sides, in a child process with limits."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

from hfver.core.version import Bump
from hfver.model.compare.compared_files import is_compared_name, is_tokenizer_file
from hfver.model.compare.difference import Change, Difference, Side, Witness
from hfver.model.compare.folders import own_folders, split_side
from hfver.model.compare.json_values import parse_json
from hfver.model.compare.pair import Pair
from hfver.model.compare.sandbox import run_job
from hfver.model.compare.witness.candidate import UNKNOWN, Candidate, Subject
from hfver.model.compare.witness.recipes import candidates, reason
from hfver.model.compare.witness.script import file_name, literal, script_of

__all__ = ["find_witnesses", "observe_both"]

SECONDS = 90.0
"""Time limit for trying all candidates of a pair; that includes the import of transformers."""
_MOST = 120
"""How many candidates of one change are tried."""
_MOST_CHANGES = 99
"""How many changes get a witness: hostile files can have any number of settings."""
_MAX_LITERAL = 100_000
"""Characters of a literal in a script. Larger values are of no use to a reader."""
_FOREIGN = ("auto_map", "custom_pipelines")
_HARMLESS = ("_from_model_config",)
"""Private keys that are kept: GenerationConfig then leaves out what only the model's config had."""
_TOO_MANY = f"Only the first {_MOST_CHANGES} MAJOR changes get a witness."

Found = tuple[Candidate, Any]


def find_witnesses(before: Side, after: Side, difference: Difference) -> tuple[Difference, Mapping[str, str]]:
    """Make a witness for each MAJOR change.

    Args:
        before: The older side.
        after: The newer side.
        difference: What ``compare`` found.

    Returns:
        The difference with the witness, or the reason why there is none, at each MAJOR change; the scripts by file
        name.
    """
    majors = [change for change in difference.changes if change.level is Bump.MAJOR]
    subjects = list(_subjects(before, after, majors[:_MOST_CHANGES]))
    groups = [list(islice(_usable(subject), _MOST)) for subject in subjects]
    found = _choose(before, after, groups)
    scripts: dict[str, str] = {}
    witnesses: dict[int, Witness] = {}
    for number, (subject, chosen) in enumerate(zip(subjects, found, strict=True), start=1):
        if chosen is None:
            witnesses[number] = Witness(None, reason=reason(subject))
            continue
        candidate, expected = chosen
        name = file_name(number, subject.change)
        scripts[name] = script_of(name, subject.change, candidate, expected)
        witnesses[number] = Witness(name, candidate.kind)
    numbered = iter(range(1, len(majors) + 1))
    changes = tuple(
        replace(change, witness=witnesses.get(next(numbered), Witness(None, reason=_TOO_MANY)))
        if change.level is Bump.MAJOR
        else change
        for change in difference.changes
    )
    return replace(difference, changes=changes), scripts


def observe_both(before: Side, after: Side, questions: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Any] | None:
    """Ask both sides the same questions, in a child process with limits.

    Args:
        before: The older side.
        after: The newer side.
        questions: Names of probes and their questions.

    Returns:
        For each question the two answers, each in a list, or None for a side that has none; None if nothing could be
        asked.
    """
    asked = [[name, dict(question)] for name, question in questions]
    sides = [_files(side) for side in (before, after)]
    answers = run_job("observed", json.dumps({"sides": sides, "questions": asked}), SECONDS)
    return answers if isinstance(answers, list) else None


def _subjects(before: Side, after: Side, changes: Sequence[Change]) -> Iterator[Subject]:
    folders = own_folders(before, after)
    parts = [split_side(side, folders) for side in (before, after)]
    pairs = {folder: Pair(parts[0][folder], parts[1][folder]) for folder in parts[0]}
    for change in changes:
        folder = next((name for name in sorted(folders) if change.where.startswith(f"{name}/")), "")
        where = change.where.removeprefix(f"{folder}/") if folder else change.where
        if where:
            yield Subject(pairs[folder], folder, change, where)
        else:
            # The folder as a whole came or went: that is a change of the root.
            yield Subject(Pair(before, after), "", change, change.where)


def _usable(subject: Subject) -> Iterator[Candidate]:
    for candidate in candidates(subject):
        if len(literal(dict(candidate.question))) > _MAX_LITERAL:
            continue
        if candidate.expected is UNKNOWN or len(literal(candidate.expected)) <= _MAX_LITERAL:
            yield candidate


def _choose(before: Side, after: Side, groups: Sequence[Sequence[Candidate]]) -> list[Found | None]:
    """Choose for each change the first candidate that is known, or found, to show a difference."""
    asked = [[(n, one) for n, one in enumerate(group) if one.expected is UNKNOWN] for group in groups]
    answers: Any = None
    if any(asked):
        question = {
            "sides": [_files(side) for side in (before, after)],
            "groups": [[[one.probe, dict(one.question), one.may_fail] for _, one in group] for group in asked],
        }
        answers = run_job("witnesses", json.dumps(question), SECONDS)
    if not isinstance(answers, list) or len(answers) != len(groups):
        # What needs no library can be shown all the same.
        answers = [None] * len(groups)
    return [_chosen(group, tried, answer) for group, tried, answer in zip(groups, asked, answers, strict=True)]


def _chosen(group: Sequence[Candidate], tried: Sequence[tuple[int, Candidate]], answer: Any) -> Found | None:
    at, found = len(group), None
    if answer is not None:
        at, candidate = tried[answer[0]]
        found = candidate, answer[1]
    known = next((one for one in group[:at] if one.expected is not UNKNOWN), None)
    return (known, known.expected) if known else found


def _files(side: Side) -> dict[str, str]:
    """Return the small files that libraries load, without what names code or leads out of the folder."""
    found = {}
    for path, data in side.contents.items():
        pure = PurePosixPath(path)
        is_loaded = is_compared_name(path) or is_tokenizer_file(path)
        if path in side.files and is_loaded and not pure.is_absolute() and ".." not in pure.parts:
            found[path] = base64.b64encode(_harmless(pure.name, data)).decode()
    return found


def _harmless(name: str, data: bytes) -> bytes:
    if not name.endswith("config.json"):
        return data
    try:
        held = parse_json(data)
    except ValueError:
        return data
    if not isinstance(held, dict):
        return data
    kept = _without_code(held)
    if name == "tokenizer_config.json":
        kept = {key: value for key, value in kept.items() if not key.endswith(("_file", "_files"))}
    return data if kept == held else json.dumps(kept).encode(errors="surrogatepass")


def _without_code(held: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_code(value) if isinstance(value, dict) and key.endswith("_config") else value
        for key, value in held.items()
        if (not key.startswith("_") or key in _HARMLESS) and key not in _FOREIGN
    }
