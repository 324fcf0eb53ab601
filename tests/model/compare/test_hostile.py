"""Untrusted files: whatever they contain, comparing them returns a result soon and raises no exception."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hfver.core.version import Bump
from hfver.model.compare import Side, compare, needs_content
from hfver.model.compare.sandbox import run_job
from tests.model.compare import edits
from tests.model.compare.edits import both, config, put, settings
from tests.model.smoke.tiny import CHATML

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        "model_type",
        "eos_token_id",
        "id2label",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "vocab_size",
        "text_config",
        "quantization_config",
        "auto_map",
        "dtype",
        "chat_template",
        "added_tokens_decoder",
        "extra_special_tokens",
        "model_max_length",
        "tokenizer_class",
        "max_position_embeddings",
        "model",
        "added_tokens",
        "image_processor",
        "base_model_name_or_path",
        "target_modules",
        "r",
    ]
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=5)
PATHS = st.sampled_from(
    [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "vocab.txt",
        "merges.txt",
        "chat_template.json",
        "chat_template.jinja",
        "preprocessor_config.json",
        "processor_config.json",
        "adapter_config.json",
        "modules.json",
        "1_Pooling/config.json",
        "config_sentence_transformers.json",
        "model.safetensors.index.json",
    ]
)


@pytest.fixture
def no_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test only what runs in this process; the tests below cover the sandbox."""
    monkeypatch.setattr(sys, "executable", "/bin/false")


def check(before: Side, after: Side) -> None:
    for one, other in ((before, after), (after, before)):
        difference = compare(one, other)
        assert difference.level is not None
        json.dumps(difference.to_json()).encode()
        for change in difference.changes:
            f"{change.where} {change.message}".encode()
            assert len(change.message) < 2000


quick = hypothesis_settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    database=None,
)


@quick
@given(path=PATHS, content=st.binary(max_size=64))
def test_any_bytes(bot: Side, no_sandbox: None, path: str, content: bytes) -> None:
    if bot.contents.get(path) != content:
        check(bot, put(path, content)(bot))


@quick
@given(path=PATHS, content=JSON | OBJECTS)
def test_any_json(bot: Side, no_sandbox: None, path: str, content: Any) -> None:
    check(bot, put(path, json.dumps(content))(bot))


@quick
@given(path=PATHS, one=OBJECTS, other=OBJECTS)
def test_any_two_objects(bot: Side, no_sandbox: None, path: str, one: Any, other: Any) -> None:
    texts = [json.dumps(one), json.dumps(other)]
    if texts[0] != texts[1]:
        check(put(path, texts[0])(bot), put(path, texts[1])(bot))


@quick
@given(one=OBJECTS, other=OBJECTS)
def test_any_card(bot: Side, one: Any, other: Any) -> None:
    cards = [
        {"license": held.get("model"), "pipeline_tag": held.get("r"), "base_model": held.get("dtype")}
        for held in (one, other)
    ]
    difference = compare(*(replace(bot, card=held) for held in cards))
    json.dumps(difference.to_json()).encode()


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"a":' * 5000 + "1" + "}" * 5000,
        '{"a": ' + "9" * 5000 + "}",
        '{"a": 1e999}',
        '{"a": NaN, "model_type": "llama"}',
        '{"\\ud800": "\\udfff", "model_type": "\\ud800"}',
        '{"a": 1, "a": 2}',
        "\x00",
    ],
)
def test_json_that_breaks_parsers(bot: Side, no_sandbox: None, content: str) -> None:
    for path in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        after = put(path, content)(bot)
        check(bot, after)
        assert compare(bot, after).level == Bump.MAJOR


@pytest.mark.parametrize(
    "values",
    [
        {"num_labels": 10**9, "x": 1},
        {"num_hidden_layers": 10**12, "layer_types": ..., "x": 1},
        {"vocab_size": "many", "x": 1},
        {"text_config": {"model_type": "llama", "num_hidden_layers": -1}, "x": 1},
        {"model_type": "gpt_neo", "attention_types": [[["global"], 10**9]], "x": 1},
    ],
)
def test_configs_that_make_classes_fail_or_use_up_memory(bot: Side, values: dict[str, Any]) -> None:
    began = time.monotonic()
    assert compare(bot, config(**values)(bot)).level == Bump.MAJOR
    assert time.monotonic() - began < 40


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% for i in range(90000) %}{{ 'x' * 9000000 }}{% endfor %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
        "{{ cycler.__init__.__globals__.os.system('touch TOUCHED') }}",
        "{{ 10 ** 10 ** 10 }}",
    ],
)
def test_templates_that_hang_or_attack(
    bot: Side, template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched = tmp_path / "touched"
    monkeypatch.setattr("hfver.model.compare.chat_templates.SECONDS", 3.0)
    began = time.monotonic()
    difference = compare(bot, edits.template(template.replace("TOUCHED", str(touched)))(bot))
    assert difference.level == Bump.MAJOR and difference.changes[0].rule == "chat-template"
    assert time.monotonic() - began < 20
    assert not touched.exists()


def test_a_note_says_that_a_template_hangs(bot: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfver.model.compare.chat_templates.SECONDS", 2.0)
    loop = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    assert "could not be rendered" in compare(bot, edits.template(CHATML + loop)(bot)).notes[0]


def test_a_tokenizer_that_hangs_or_cannot_be_loaded_is_major(bot: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfver.model.compare.tokenizer_probe.SECONDS", 5.0)

    def slow(held: Any) -> None:
        pattern = {"Regex": "(a+)+(a+)+(a+)+(a+)+$"}
        held["pre_tokenizer"] = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}

    for edit in (
        slow,
        lambda held: held.update(pre_tokenizer={"type": "None such"}),
        lambda held: held.update(model={}),
    ):
        difference = compare(bot, edits.tokenizer(edit)(bot))
        assert difference.level == Bump.MAJOR and difference.changes[0].rule == "token-ids"


def test_no_code_from_the_repo_runs(bot: Side, tmp_path: Path) -> None:
    """The tokenizer class exists only in the repo's own code."""
    touched = tmp_path / "touched"
    mapped = settings("tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.T", None]}, tokenizer_class="T")
    evil = put("evil.py", f"import pathlib; pathlib.Path({str(touched)!r}).touch()")
    difference = compare(bot, both(mapped, evil)(bot))
    assert {"remote-code", "tokenizer-class"} <= {change.rule for change in difference.changes}
    assert not touched.exists()


def test_the_sandbox_returns_none_if_a_job_fails() -> None:
    assert run_job("none such", "{}") is None
    assert run_job("configs", "[]") is None
    assert run_job("templates", "broken") is None


def test_a_file_that_is_too_large_for_its_name_is_not_read() -> None:
    assert not needs_content("tokenizer_config.json", 10**9)
