"""Compare: every rule looks at both sides, what no rule explains is swept up, and the highest level wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from hfver.core.version import Bump
from hfver.errors import BadConfig
from hfver.model.compare.difference import Change, Difference, Side, WeightsMoved, highest
from hfver.model.compare.json_values import brief, shown
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Finding, Rule
from hfver.model.compare.rules import RULES

__all__ = ["compare"]

Found = tuple[Rule, Finding]


def compare(before: Side, after: Side, *, levels: Mapping[str, Bump] | None = None) -> Difference:
    """Say what differs from one checkpoint to another, and what that asks of the version.

    Nothing is executed, fetched or written, and nothing is too unsafe to be compared.

    Args:
        before: What consumers have.
        after: What they would get.
        levels: The repo's own levels: by rule id (``opaque-weights``), or by the ``where`` of a change
            (``config.json:my_scaling``), which goes first.

    Raises:
        BadConfig: ``levels`` names a rule that does not exist.
    """
    levels = levels or {}
    _check(levels)
    pair = Pair.of(before, after)
    found = list(_found(pair))
    changes = sorted((_change(rule, finding, levels) for rule, finding in found), key=_order)
    return Difference(
        level=highest(*(change.level for change in changes)),
        changes=tuple(changes),
        notes=tuple(dict.fromkeys(finding.note for _, finding in found if finding.note)),
        weights=_weights(pair),
    )


def _found(pair: Pair) -> Iterator[Found]:
    explained: set[str] = set()
    for rule in RULES.values():
        for finding in rule.check(pair) if rule.check else ():
            explained.update(finding.explains)
            yield rule, finding
    for path in pair.changed:
        if path not in explained:
            yield _swept(pair, path)


def _swept(pair: Pair, path: str) -> Found:
    for rule in RULES.values():
        finding = rule.sweep(pair, path) if rule.sweep else None
        if finding:
            return rule, finding
    raise AssertionError("the last rule explains every file")


def _change(rule: Rule, finding: Finding, levels: Mapping[str, Bump]) -> Change:
    level = levels.get(finding.where) or levels.get(rule.id) or finding.level or rule.level
    before, after = brief(finding.before), brief(finding.after)
    return Change(rule.id, level, shown(finding.where, 400), before, after, finding.message)


def _order(change: Change) -> tuple[int, int, str]:
    return -change.level.height, list(RULES).index(change.rule), change.where


def _check(levels: Mapping[str, Bump]) -> None:
    for name in levels:
        is_place = ":" in name or "." in name or "/" in name
        if name in RULES or is_place:
            continue
        near = get_close_matches(name, RULES, n=1)
        raise BadConfig(
            f"There is no rule {shown(name)!r}.",
            f"Did you mean {near[0]!r}? Every rule is in docs/versioning.md." if near else "See docs/versioning.md.",
        )


def _weights(pair: Pair) -> WeightsMoved:
    tensors = pair.after.tensors
    still = pair.shared.keys() - set(pair.moved) - _reformed(pair)
    moved = [tensor for name, tensor in tensors.items() if name not in still]
    total = sum(tensor.nbytes for tensor in tensors.values())
    share = sum(tensor.nbytes for tensor in moved) / total if total else 0.0
    return WeightsMoved(share, len(moved), len(tensors))


def _reformed(pair: Pair) -> set[str]:
    return {name for name, (old, new) in pair.shared.items() if (old.shape, old.dtype) != (new.shape, new.dtype)}
