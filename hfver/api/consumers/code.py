"""Python that uses the model: does it name something that is gone?"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hfver.api.consumers.judgement import Answer, Compared, Judge, breaks, safe, unknown
from hfver.api.consumers.labels import labels_of
from hfver.errors import HfverError
from hfver.lint import check_pins
from hfver.model.compare import Change
from hfver.model.compare.json_values import printable
from hfver.model.compare.tokenizer_state import TokenizerState, read_tokenizer

__all__ = ["Names", "judge_code", "names_in"]

Names = Mapping[str, tuple[str, int]]
"""Strings, attributes and keywords of a code base, with the file and line where each stands first."""

_PROMPTS = ("apply_chat_template",)


def names_in(sources: Sequence[tuple[str, str]]) -> dict[str, tuple[str, int]]:
    """Collect what a code base names.

    Args:
        sources: File and text of each.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: A file is not Python.
    """
    found: dict[str, tuple[str, int]] = {}
    for path, text in sources:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of the consumer's code, which is not ours to judge
            tree = ast.parse(text)
        for node in ast.walk(tree):
            name = _name(node)
            if name and len(name) <= 500:
                found.setdefault(name, (path, getattr(node, "lineno", 0)))
    return found


def _name(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.Attribute(attr=name) | ast.keyword(arg=name):
            return name
    return None


def judge_code(names: Names, paths: Sequence[Path], compared: Compared) -> Judge:
    """Look for names that the newer side lacks: tensors, labels, tokens and settings."""
    pinned = _is_pinned(names, paths, compared)
    lost = _lost_names(compared)

    def judge(change: Change) -> Answer:
        if pinned:
            return safe(
                f"The code loads {pinned} at a fixed commit, and gets the newer side only when that is changed."
            )
        for name in lost.get(change.rule, ()):
            if name in names:
                path, line = names[name]
                return breaks(f"{path}:{line} names {printable(name, 80)!r}, which the newer side does not have.")
        key = change.where.rpartition(":")[2].rpartition(".")[2]
        if ":" in change.where and key in names:
            path, line = names[key]
            return unknown(f"{path}:{line} uses {printable(key, 80)}, which has another value now.")
        for name in _PROMPTS if change.rule == "chat-template" else ():
            if name in names:
                path, line = names[name]
                return unknown(f"{path}:{line} builds prompts with the template, which renders some differently.")
        if change.rule in ("tensor-names", "labels", "processor", "other-file", "dimensions") and not _loads(names):
            return safe("The code names nothing that changed.")
        return unknown("The code names nothing that changed, but what it does with the result is not known.")

    return judge


def _loads(names: Names) -> bool:
    return any(name in names for name in ("from_pretrained", "pipeline", "load"))


def _lost_names(compared: Compared) -> dict[str, list[str]]:
    """Return by rule the names that the older side has and the newer side does not."""
    before, after = compared.pair.before, compared.pair.after
    labels = [set((labels_of(config) or {}).values()) for config in compared.config()]
    old, new = (read_tokenizer(side) or TokenizerState({}) for side in (before, after))
    tokens = sorted(old.flags.keys() - new.ids.keys()) if new.ids else []
    files = sorted(before.files.keys() - after.files.keys())
    tensors = sorted(before.main_tensors.keys() - after.main_tensors.keys())
    return {
        "labels": sorted(labels[0] - labels[1]),
        "token-ids": tokens,
        "special-ids": tokens,
        "tensor-names": tensors,
        "tied-embeddings": tensors,
        **dict.fromkeys(("other-file", "opaque-weights", "remote-code", "weights"), files),
    }


def _is_pinned(names: Names, paths: Sequence[Path], compared: Compared) -> str | None:
    """Return the repo if the code loads it, and nothing that the lint finds is loaded without a commit."""
    repo = compared.older[0] if compared.older else None
    if repo is None or repo not in names:
        return None
    try:
        report: Any = check_pins(list(paths))
    except HfverError:
        return None
    return None if report.findings or report.unread else repo
