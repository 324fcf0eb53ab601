"""Rules on where a model comes from, and what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from hfver.core.manifest import LINEAGE
from hfver.core.version import Bump
from hfver.model.compare.json_values import brief, shown
from hfver.model.compare.keys import Setting, finding
from hfver.model.compare.pair import Pair, View
from hfver.model.compare.rule import Finding, Rule, rule
from hfver.model.compare.settings import all_settings

_ADAPTER = "adapter_config.json"


def _base(view: View) -> tuple[str, str]:
    """Return where the base is named, and its name; empty if nothing names it."""
    link = view.side.lineage.base_model
    named = view.side.card.get("base_model")
    listed = named if isinstance(named, list) else [named]
    places = (
        (f"{LINEAGE}:base_model", (link.source or link.name) if link else None),
        (f"{_ADAPTER}:base_model_name_or_path", view.object(_ADAPTER).get("base_model_name_or_path")),
        ("README.md:base_model", ", ".join(sorted(str(name) for name in listed if name))),
    )
    return next(((where, name) for where, name in places if isinstance(name, str) and name), ("", ""))


def _base_model(pair: Pair) -> Iterable[Finding]:
    (_, old), (where, new) = _base(pair.before), _base(pair.after)
    # A base that is filled in, or no longer told, is another text and not another base.
    if old and new and old.casefold() != new.casefold():
        message = f"The base model went from {shown(old)} to {shown(new)}: licence chain and adapters' base are others."
        yield Finding(where, message, brief(old), brief(new), files=(_ADAPTER,))
    for setting in all_settings(pair):
        if setting.rule == "base-model" and not where.startswith(_ADAPTER) and setting.before and setting.after:
            yield finding(setting, "the adapter is put on another base.")


base_model = rule(
    "base-model",
    Bump.MAJOR,
    change="another base model id",
    breaks="licence chain",
    seen="lineage, adapter_config.json, card",
    example=(
        "The base goes from meta-llama/Llama-3.1-8B to Qwen/Qwen3-8B.",
        "Whoever cleared the old base's licence has to start again.",
    ),
)(_base_model)


def _base_revision(pair: Pair) -> Iterable[Finding]:
    old, new = pair.before.side.lineage.base_model, pair.after.side.lineage.base_model
    same_base = old and new and (old.source or old.name).casefold() == (new.source or new.name).casefold()
    if old and new and same_base and old.revision and new.revision and old.revision != new.revision:
        message = f"The base is another revision of {shown(new.source or new.name)}: its weights may differ."
        yield Finding(f"{LINEAGE}:base_model.revision", message, old.revision, new.revision)
    for setting in all_settings(pair):
        if setting.rule == "base-revision":
            yield finding(setting, "the adapter is put on another revision of its base.")


base_revision = rule(
    "base-revision",
    Bump.MINOR,
    change="another revision of the same base",
    breaks="provenance",
    seen="lineage, adapter_config.json",
    example=(
        "The base's revision goes from 0e9e39f to 8f6a1c2.",
        "The model was made from other weights of the same name; nothing that a caller builds on moved.",
    ),
)(_base_revision)


def _libraries(pair: Pair) -> Iterable[Finding]:
    for setting in all_settings(pair):
        if setting.rule == "minimum-library" and _is_raised(setting.before, setting.after):
            yield finding(setting, _OLD_STACKS)
    old, new = (_declared(view) for view in (pair.before, pair.after))
    for name in sorted(new):
        if _is_raised(old.get(name), new[name]):
            setting = Setting(LINEAGE, f"requires.{name}", old.get(name), new[name], "minimum-library")
            yield finding(setting, _OLD_STACKS)


_OLD_STACKS = "a stack that was new enough may no longer be."


def _declared(view: View) -> Mapping[str, Any]:
    """Read ``requires: {transformers: ">=5.1"}`` of the lineage record."""
    extra = view.side.lineage.model_extra or {}
    held = extra.get("requires")
    return {str(key): value for key, value in held.items()} if isinstance(held, dict) else {}


def _is_raised(old: Any, new: Any) -> bool:
    """Tell whether a minimum is higher, or newly there; one that cannot be read counts as raised."""
    if not isinstance(new, str | int | float):
        return False
    return not isinstance(old, str | int | float) or _numbers(new) > _numbers(old) or _shape(new) != _shape(old)


def _numbers(version: str | float) -> list[int]:
    return [int(part) for part in re.findall(r"\d{1,9}", str(version))][:8]


def _shape(version: str | float) -> str:
    return re.sub(r"[\d.\s]", "", str(version))


minimum_library = rule(
    "minimum-library",
    Bump.MAJOR,
    change="declared minimum library version raised",
    breaks="old stacks",
    seen="lineage or config, declared",
    example=(
        "`requires: {transformers: '>=5.1'}` in lineage.yaml becomes '>=5.4'.",
        "A server on transformers 5.2 cannot load it.",
    ),
    declare="Write `requires: {library: '>=version'}` into lineage.yaml; what is not declared is not seen.",
)(_libraries)

metric_regression = Rule(
    "metric-regression",
    Bump.MAJOR,
    change="a gated metric beyond its budget",
    breaks="task users",
    seen="evaluation + policy",
    levels="the release is refused; major with `--because`",
    example=(
        "`mmlu_accuracy` falls from 0.62 to 0.55, and its `max_drop` is 0.01.",
        "Whoever uses the model for that task gets worse answers from a version that looked safe.",
    ),
    declare="Set budgets under `[metrics.NAME]` in hfver.toml. The policy finds it, not the comparison.",
)

RULES = (base_model, base_revision, minimum_library, metric_regression)
