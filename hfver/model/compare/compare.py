"""Compare two sides: every rule looks at both, no differing file stays unexplained, and the highest level wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches

from hfver.core.version import Bump
from hfver.errors import BadConfig
from hfver.model.compare.difference import Change, ChangedWeights, Difference, Side, TensorChange, highest
from hfver.model.compare.folders import further_folder, match_folder, own_folders, split_side
from hfver.model.compare.json_values import brief, printable
from hfver.model.compare.libraries import requirements
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Rule, RuleMatch
from hfver.model.compare.rules import RULES
from hfver.model.compare.sandbox import library_versions

__all__ = ["compare"]


def compare(before: Side, after: Side, *, levels: Mapping[str, Bump] | None = None) -> Difference:
    """Find what differs between two checkpoints, and which bump that requires.

    No code of the models is executed, nothing is fetched or written, and unsafe files are reported, not refused.

    Args:
        before: What consumers have.
        after: What they would get.
        levels: The repo's own levels, by rule id (``opaque-weights``) or by the ``where`` of a change
            (``config.json:my_scaling``). The latter has precedence.

    Returns:
        Every change with its level, and the highest of the levels.

    Raises:
        BadConfig: ``levels`` names a rule that does not exist.
    """
    levels = levels or {}
    _check_names(levels)
    found = list(_find_everywhere(before, after))
    changes = sorted((_change(rule, match, levels) for rule, match in found), key=_order)
    pair = Pair(before, after)
    return Difference(
        level=highest(*(change.level for change in changes)),
        changes=tuple(changes),
        notes=tuple(dict.fromkeys(match.note for _, match in found if match.note)),
        weights=_weights(pair),
        libraries=library_versions(),
        tensors=tuple(_tensor_changes(pair)),
        measured=after.measured,
        requires={"from": requirements(before), "to": requirements(after)},
    )


def _find_everywhere(before: Side, after: Side) -> Iterator[tuple[Rule, RuleMatch]]:
    """Compare the checkpoint itself, and each folder of its own for itself."""
    folders = own_folders(before, after)
    parts = [split_side(side, folders) for side in (before, after)]
    yield from _find_matches(Pair(*(part[""] for part in parts)))
    for folder in sorted(folders):
        old, new = (part[folder] for part in parts)
        if not old.files or not new.files:
            yield further_folder, match_folder(folder, is_added=not old.files)
            continue
        for rule, match in _find_matches(Pair(old, new)):
            message = f"In {printable(folder, 200)}: {match.message}"
            yield rule, replace(match, where=f"{folder}/{match.where}", message=message)


def _find_matches(pair: Pair) -> Iterator[tuple[Rule, RuleMatch]]:
    explained: set[str] = set()
    for rule in RULES.values():
        for match in rule.detect(pair) if rule.detect else ():
            explained.update(match.explained_files)
            yield rule, match
    # No file may differ without a change that says so: a difference that nobody looked at would pass as a patch.
    for path in pair.changed_files:
        if path not in explained:
            yield _explain(pair, path)


def _explain(pair: Pair, path: str) -> tuple[Rule, RuleMatch]:
    for rule in RULES.values():
        match = rule.explain(pair, path) if rule.explain else None
        if match:
            return rule, match
    raise AssertionError("the last rule explains every file")


def _change(rule: Rule, match: RuleMatch, levels: Mapping[str, Bump]) -> Change:
    level = levels.get(match.where) or levels.get(rule.id) or match.level or rule.level
    before, after = brief(match.before), brief(match.after)
    return Change(rule.id, level, printable(match.where, 400), before, after, match.message)


def _order(change: Change) -> tuple[int, int, str]:
    return -change.level.height, list(RULES).index(change.rule), change.where


def _check_names(levels: Mapping[str, Bump]) -> None:
    for name in levels:
        # A place may name any file, so only what cannot be a place has to be a rule.
        is_place = ":" in name or "." in name or "/" in name
        if name in RULES or is_place:
            continue
        near = get_close_matches(name, RULES, n=1)
        raise BadConfig(
            f"There is no rule {printable(name)!r}.",
            f"Did you mean {near[0]!r}? All rules are listed in docs/versioning.md."
            if near
            else "All rules are listed in docs/versioning.md.",
        )


def _weights(pair: Pair) -> ChangedWeights:
    if pair.only_values_moved and pair.after.roots is not None:
        return ChangedWeights(None, None, pair.after.roots.count)
    tensors = pair.after.tensors
    unchanged = pair.shared_tensors.keys() - set(pair.changed_tensors) - _reshaped_or_retyped(pair)
    changed = [tensor for name, tensor in tensors.items() if name not in unchanged]
    total = sum(tensor.nbytes for tensor in tensors.values())
    share = sum(tensor.nbytes for tensor in changed) / total if total else 0.0
    return ChangedWeights(share, len(changed), len(tensors))


def _tensor_changes(pair: Pair) -> Iterator[TensorChange]:
    old, new, moved = pair.before.tensors, pair.after.tensors, set(pair.changed_tensors)
    reshaped = _reshaped_or_retyped(pair)
    for name in sorted(old.keys() | new.keys()):
        tensor, label = new.get(name) or old[name], printable(name, 400)
        if name not in old:
            yield TensorChange(label, "added", tensor.dtype, tensor.shape)
        elif name not in new:
            yield TensorChange(label, "removed", tensor.dtype, tensor.shape)
        elif name in reshaped:
            yield TensorChange(label, "reshaped", tensor.dtype, tensor.shape)
        elif name in moved:
            yield TensorChange(label, "moved", tensor.dtype, tensor.shape)


def _reshaped_or_retyped(pair: Pair) -> set[str]:
    return {
        name for name, (old, new) in pair.shared_tensors.items() if (old.shape, old.dtype) != (new.shape, new.dtype)
    }
