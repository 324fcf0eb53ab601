"""What the files of a side need, and what a higher minimum means for whoever pinned a range."""

from __future__ import annotations

from typing import Any

import pytest

from hfver.core.version import Bump
from hfver.model.compare import compare
from hfver.model.compare.libraries import requirements
from tests.model.compare.pairs.made import side_of

LLAMA: dict[str, Any] = {"model_type": "llama", "vocab_size": 64}
ROPE = {"rope_type": "default", "rope_theta": 500000.0}
DEFAULT = {"rope_type": "default", "rope_theta": 10000.0}
LORA: dict[str, Any] = {"peft_type": "LORA", "r": 8, "target_modules": ["q_proj"]}


@pytest.mark.parametrize(
    ("files", "required"),
    [
        ({"config.json": LLAMA | {"rope_theta": 500000.0}}, {}),
        ({"config.json": LLAMA | {"rope_parameters": ROPE}}, {"transformers": ">=5.0.0"}),
        # What older versions take by default is the same, and so is what they find beside it.
        ({"config.json": LLAMA | {"rope_parameters": DEFAULT}}, {}),
        ({"config.json": LLAMA | {"rope_parameters": ROPE, "rope_theta": 500000.0}}, {}),
        ({"config.json": {"model_type": "qwen3"}}, {"transformers": ">=4.51.3"}),
        ({"config.json": {"model_type": "of_nobody"}}, {}),
        (
            {"config.json": LLAMA, "tokenizer_config.json": {"tokenizer_class": "TokenizersBackend"}},
            {"transformers": ">=5.0.0"},
        ),
        (
            {"config.json": LLAMA, "tokenizer_config.json": {"extra_special_tokens": ["<x>"]}},
            {"transformers": ">=5.0.0"},
        ),
        ({"config.json": LLAMA, "chat_template.jinja": "{{ messages }}"}, {"transformers": ">=4.47.1"}),
        ({"processor_config.json": {"image_processor": {"do_resize": True}}}, {"transformers": ">=4.56.2"}),
        ({"adapter_config.json": LORA}, {}),
        ({"adapter_config.json": LORA | {"target_parameters": None}}, {"peft": ">=0.14.0"}),
        ({"adapter_config.json": LORA | {"target_parameters": ["w"]}}, {"peft": ">=0.17.1"}),
        (
            {"modules.json": [{"path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"}]},
            {"sentence-transformers": ">=5.4.1"},
        ),
    ],
)
def test_the_minimum_of_files(files: dict[str, Any], required: dict[str, str]) -> None:
    assert requirements(side_of(files)) == required


def levels(before: dict[str, Any], after: dict[str, Any]) -> set[Bump]:
    difference = compare(side_of(before), side_of(after))
    return {change.level for change in difference.changes if change.rule == "minimum-library"}


def test_files_that_an_older_version_misreads_are_major_and_the_way_back_is_not() -> None:
    old = {"config.json": LLAMA | {"rope_theta": 500000.0}}
    new = {"config.json": LLAMA | {"rope_parameters": ROPE}}
    assert levels(old, new) == {Bump.MAJOR}
    assert levels(new, old) == set()


def test_what_the_older_minimum_covers_is_not_a_change() -> None:
    old = {"config.json": LLAMA | {"rope_parameters": ROPE}}
    new = old | {"tokenizer_config.json": {"tokenizer_class": "TokenizersBackend"}}
    assert levels(old, new) == set()


def test_another_writer_alone_is_not_a_higher_minimum() -> None:
    old, new = ({"config.json": LLAMA | {"transformers_version": version}} for version in ("4.57.6", "5.23.0"))
    assert compare(side_of(old), side_of(new)).level is Bump.PATCH


def test_the_json_says_what_both_sides_need() -> None:
    old = {"config.json": LLAMA | {"rope_theta": 500000.0}}
    new = {"config.json": LLAMA | {"rope_parameters": ROPE}}
    difference = compare(side_of(old), side_of(new))
    assert difference.to_json()["requires"] == {"from": {}, "to": {"transformers": ">=5.0.0"}}
