"""Rules on what a model was made from, and what it needs to run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from hfver.core.manifest import CARD, LINEAGE
from hfver.core.version import Bump
from hfver.model.compare.json_values import ABSENT, brief, printable
from hfver.model.compare.keys import ChangedSetting, match_setting
from hfver.model.compare.libraries import declared_versions, library_needs, required_versions
from hfver.model.compare.libraries.table import version_key
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.rule import Rule, RuleMatch
from hfver.model.compare.settings import all_settings

_ADAPTER = "adapter_config.json"


def _base(side: ParsedSide) -> tuple[str, str]:
    """Return where the base model is named, and its name; both empty if nothing names it."""
    link = side.lineage.base_model
    named = side.card.get("base_model")
    listed = named if isinstance(named, list) else [named]
    # The lineage record is the most exact, the card the least.
    places = (
        (f"{LINEAGE}:base_model", (link.source or link.name) if link else None),
        (f"{_ADAPTER}:base_model_name_or_path", side.object(_ADAPTER).get("base_model_name_or_path")),
        (f"{CARD}:base_model", ", ".join(sorted(str(name) for name in listed if name))),
    )
    return next(((where, name) for where, name in places if isinstance(name, str) and name), ("", ""))


def _base_model(pair: Pair) -> Iterable[RuleMatch]:
    (_, old), (where, new) = _base(pair.before), _base(pair.after)
    # A base that is filled in later, or no longer named, changes the documentation and not the base.
    if old and new and old.casefold() != new.casefold():
        message = (
            f"The base model changed from {printable(old)} to {printable(new)}: the chain of licenses changes, and "
            "adapters need a different base."
        )
        yield RuleMatch(where, message, brief(old), brief(new), files=(_ADAPTER,))
    for setting in all_settings(pair):
        # Where the adapter's config is what names the base, the match above has reported it already.
        if setting.rule == "base-model" and not where.startswith(_ADAPTER) and setting.before and setting.after:
            yield match_setting(setting, "the adapter is applied to a different base model.")


base_model = Rule(
    "base-model",
    Bump.MAJOR,
    change="a different base model",
    breaks="the chain of licenses",
    seen="lineage, adapter_config.json, card",
    example=(
        "The base model changes from meta-llama/Llama-3.1-8B to Qwen/Qwen3-8B.",
        "Whoever reviewed the license of the old base has to start again.",
    ),
    detect=_base_model,
)


def _base_revision(pair: Pair) -> Iterable[RuleMatch]:
    old, new = pair.before.lineage.base_model, pair.after.lineage.base_model
    same_base = old and new and (old.source or old.name).casefold() == (new.source or new.name).casefold()
    if old and new and same_base and old.revision and new.revision and old.revision != new.revision:
        message = f"The base is a different revision of {printable(new.source or new.name)}, whose weights may differ."
        yield RuleMatch(f"{LINEAGE}:base_model.revision", message, old.revision, new.revision)
    for setting in all_settings(pair):
        if setting.rule == "base-revision":
            yield match_setting(setting, "the adapter is applied to a different revision of its base model.")


base_revision = Rule(
    "base-revision",
    Bump.MINOR,
    change="a different revision of the same base model",
    breaks="provenance",
    seen="lineage, adapter_config.json",
    example=(
        "The base model's revision changes from 0e9e39f to 8f6a1c2.",
        "The model was made from different weights of the same name; callers' code works as before.",
    ),
    detect=_base_revision,
)


def _libraries(pair: Pair) -> Iterable[RuleMatch]:
    for setting in all_settings(pair):
        if setting.rule == "minimum-library" and _is_raised(setting.before, setting.after):
            yield match_setting(setting, _OLD_LIBRARIES)
    yield from _measured_needs(pair)
    old, new = (declared_versions(side) for side in (pair.before, pair.after))
    for name in sorted(new):
        before = old.get(name, ABSENT)
        if _is_raised(before, new[name]):
            setting = ChangedSetting(LINEAGE, f"requires.{name}", before, new[name], "minimum-library")
            yield match_setting(setting, _OLD_LIBRARIES)


_OLD_LIBRARIES = "installations that were recent enough before may be too old now."


_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "vocab.txt")


def _measured_needs(pair: Pair) -> Iterable[RuleMatch]:
    """Report what the older side's minimum of a library refuses or misreads, by the table of measured versions."""
    old, needs = (library_needs(side) for side in (pair.before, pair.after))
    minimum = required_versions(old, declared_versions(pair.before))
    known = {(need.what, need.bound) for need in old}
    had_tokenizer = any(path in pair.before.files for path in _TOKENIZER)
    for need in needs:
        # A tokenizer where there was none is a change of its own, which says all there is to say.
        if not had_tokenizer and any(path in _TOKENIZER or path.endswith(".jinja") for path in need.files):
            continue
        bound = need.bound
        before = minimum.get(bound.library)
        if (need.what, need.bound) in known or (before and version_key(before) >= version_key(bound.works)):
            continue
        message = (
            f"{need.what} needs {bound.library} {bound.works} or newer: {bound.library} {bound.newest_failing} "
            f"{bound.fails} it."
        )
        where = f"{need.files[0]}:{bound.library}"
        yield RuleMatch(where, message, before, f">={bound.works}")


def _is_raised(old: Any, new: Any) -> bool:
    """Return whether a minimum is higher or new; one with different operators counts as raised."""
    if not isinstance(new, str | int | float):
        return False
    return not isinstance(old, str | int | float) or _numbers(new) > _numbers(old) or _operators(new) != _operators(old)


def _numbers(version: str | float) -> list[int]:
    # Bounded, because the record may come from anybody.
    return [int(part) for part in re.findall(r"\d{1,9}", str(version))][:8]


def _operators(version: str | float) -> str:
    return re.sub(r"[\d.\s]", "", str(version))


minimum_library = Rule(
    "minimum-library",
    Bump.MAJOR,
    change="the files need a newer library than before, or a declared minimum version was raised",
    breaks="older installations",
    seen="a table of what older versions of transformers, peft and sentence-transformers refuse or misread; lineage",
    example=(
        "A model that transformers 4.57 saved is saved again by transformers 5, which writes `rope_parameters`.",
        "transformers 4.57 ignores them and computes other positions, without an error.",
    ),
    declare="What the table cannot know is declared in lineage.yaml: `requires: {library: '>=version'}`.",
    detect=_libraries,
)

metric_regression = Rule(
    "metric-regression",
    Bump.MAJOR,
    change="a metric beyond its budget",
    breaks="users of that task",
    seen="evaluation + policy",
    levels="the release is refused, or major with `--because`",
    example=(
        "`mmlu_accuracy` falls from 0.62 to 0.55, and its `max_drop` is 0.01.",
        "Whoever uses the model for that task gets worse answers from a version that looked safe.",
    ),
    declare="Set budgets under `[metrics.NAME]` in hfver.toml. The policy detects this, not the comparison.",
)

RULES = (base_model, base_revision, minimum_library, metric_regression)
