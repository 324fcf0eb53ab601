"""What the table of measured versions says about files, and that the rule follows it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hfver.core.version import Bump
from hfver.model.compare.compare import compare
from hfver.model.compare.difference import Difference, Side
from hfver.model.compare.libraries import requirements
from hfver.model.compare.libraries.table import TABLE, feature_bound, name_bound
from hfver.model.lineage.record import Lineage
from tests.model.compare.libraries.measure import MEASURED

LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 128,
}
OLD_ROPE = {**LLAMA, "rope_theta": 500000.0}
NEW_ROPE = {**LLAMA, "rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"}}


def side(name: str, files: Mapping[str, Any]) -> Side:
    contents = {path: json.dumps(value).encode() for path, value in files.items()}
    return Side(name, {path: f"sha256:{hash(data)}" for path, data in contents.items()}, contents)


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    return compare(side("before", before), side("after", after))


def minimum(found: Difference) -> list[Any]:
    return [change for change in found.changes if change.rule == "minimum-library"]


def test_what_transformers_4_misreads_is_major() -> None:
    found = difference({"config.json": OLD_ROPE}, {"config.json": NEW_ROPE})
    (change,) = minimum(found)
    assert (found.level, change.level, change.after) == (Bump.MAJOR, Bump.MAJOR, ">=5.0.0")
    assert "4.57.6 misreads" in change.message
    assert found.requires == {"from": {}, "to": {"transformers": ">=5.0.0"}}


def test_a_default_that_older_versions_take_as_well_needs_nothing() -> None:
    default = {**LLAMA, "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}}
    found = difference({"config.json": {**LLAMA, "rope_theta": 10000.0}}, {"config.json": default})
    assert not minimum(found) and not found.requires["to"]
    assert found.level == Bump.PATCH


def test_both_forms_together_are_read_by_all() -> None:
    found = difference({"config.json": OLD_ROPE}, {"config.json": {**NEW_ROPE, "rope_theta": 500000.0}})
    assert not minimum(found)


def test_the_same_need_on_both_sides_is_no_change() -> None:
    assert not minimum(difference({"config.json": NEW_ROPE}, {"config.json": {**NEW_ROPE, "use_cache": False}}))
    assert not minimum(difference({"config.json": NEW_ROPE}, {"config.json": OLD_ROPE}))  # it needs less than before


def test_a_class_of_tokenizers_that_transformers_4_does_not_know() -> None:
    files = {"config.json": LLAMA, "tokenizer.json": {}}
    old = {**files, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"}}
    new = {**files, "tokenizer_config.json": {"tokenizer_class": "TokenizersBackend"}}
    changes = minimum(difference(old, new))
    assert ["refuses" in change.message for change in changes] == [True]


def test_a_declared_minimum_counts() -> None:
    before = side("before", {"config.json": OLD_ROPE})
    declared = Side(
        before.name,
        before.files,
        before.contents,
        lineage=Lineage.model_validate({"requires": {"transformers": ">=5.1"}}),
    )
    found = compare(declared, side("after", {"config.json": NEW_ROPE}))
    assert not minimum(found)
    assert requirements(declared) == {"transformers": ">=5.1"}


def test_a_type_that_came_later_needs_the_version_that_knows_it() -> None:
    bound = name_bound("model_type", "qwen3")
    assert bound is not None and bound.works == "4.51.3"
    assert requirements(side("x", {"config.json": {"model_type": "qwen3"}})) == {"transformers": ">=4.51.3"}
    assert name_bound("model_type", "llama") is None
    assert name_bound("model_type", "of-nobody") is None


@pytest.mark.parametrize("value", [None, 1, [], {}, "x" * 10_000, "\ud800"])
def test_hostile_names_need_nothing(value: Any) -> None:
    config = {"model_type": value, "architectures": value, "rope_scaling": value, "rope_parameters": value}
    adapter = {"peft_type": value, "modules_to_save": value}
    modules = [value, {"type": value, "path": value}]
    files = {
        "config.json": config,
        "adapter_config.json": adapter,
        "modules.json": modules,
        "tokenizer_config.json": config,
    }
    assert requirements(side("x", files)) == {}


def test_the_table_was_measured_with_what_it_names() -> None:
    table = json.loads(TABLE.read_text())
    assert {library: list(versions) for library, versions in MEASURED.items()} == table["measured"]
    for row in table["features"]:
        assert set(row["verdicts"]) <= set(table["measured"][row["library"]])
        if row["newest_that_fails"] and row["oldest_that_works"]:
            bound = feature_bound(row["id"])
            assert bound is not None and bound.fails in ("refuses", "misreads")


@pytest.mark.skipif("HFVER_LIBRARIES" not in os.environ, reason="HFVER_LIBRARIES names no folder for environments")
@pytest.mark.parametrize("version", ["4.46.3", "4.57.6", "5.0.0"])
def test_a_version_still_answers_as_the_table_says(version: str, tmp_path: Path) -> None:
    """It needs a package index: it makes an environment for each version, where there is none yet."""
    from tests.model.compare.libraries.features import FEATURES
    from tests.model.compare.libraries.measure import read_features, verdict

    features = {one.id: one for one in FEATURES if one.id in ("rope-parameters", "tokenizer-backend", "merge-pairs")}
    folders = {name: feature.folders(tmp_path) for name, feature in features.items()}
    newest = read_features("transformers", "5.23.0", folders)
    found = read_features("transformers", version, folders)
    table = {row["id"]: row["verdicts"] for row in json.loads(TABLE.read_text())["features"]}
    for name, feature in features.items():
        # Versions that read a feature as the newest one does may be left out of the table.
        expected = table[name].get(version, verdict(feature, newest[name], newest[name]))
        assert verdict(feature, found[name], newest[name]) == expected, name
