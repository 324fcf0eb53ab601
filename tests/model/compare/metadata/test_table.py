"""The table of settings without effect: it is what the program makes, and what must not be in it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import transformers

from hfver.model.compare.settings.without_effect import (
    TABLE,
    has_no_effect,
    has_no_effect_on_generation,
    known_types,
    settings_of,
)
from tests.model.compare.metadata.__main__ import all_types
from tests.model.compare.metadata.generation_proof import prove_generation

HELD: dict[str, Any] = json.loads(TABLE.read_text())
SAMPLE = ("llama", "bart", "vit")
PARTS = 20

pytestmark = pytest.mark.skipif(
    transformers.__version__ != HELD["made_with"]["transformers"], reason="the table is of another transformers"
)


def proved(kinds: list[str]) -> list[dict[str, Any]]:
    """Prove again, in a process of its own: it splits, which a process of tests must not."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.model.compare.metadata", *kinds]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    return [json.loads(line) for line in result.stdout.splitlines()]


def no_effect(kind: str, name: str) -> bool:
    return has_no_effect(name, {"model_type": kind}, {"model_type": kind})


def test_a_sample_is_proved_again() -> None:
    for proof in proved(list(SAMPLE)):
        is_held(proof)


@pytest.mark.more
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_type_that_builds_is_proved_again(part: int) -> None:
    kinds = [kind for kind in all_types()[part::PARTS] if kind in known_types()]
    built = [proof for proof in proved(kinds) if proof.get("model")]
    # Which ones build within the time limit depends on the machine; a busy one may miss some.
    assert len(built) >= 0.8 * len(kinds)
    for proof in built:
        is_held(proof)


def is_held(proof: dict[str, Any]) -> None:
    kind = proof["kind"]
    assert settings_of(kind) == {*proof["keys"], *proof["switches"]}, kind
    assert HELD["types"][kind] == f"{proof['model']} {proof['length']}".removesuffix(" 0")
    outer = set(HELD["read_by_outer"].get(kind, "").split())
    assert not outer or outer == HELD["settings"].keys() & set(proof["reads"])


@pytest.mark.more
def test_generation_settings_are_proved_again() -> None:
    unread, switches = prove_generation()
    assert HELD["generation"] == {"settings": " ".join(unread), "switches": " ".join(switches)}


def test_the_table_is_small_and_of_this_version() -> None:
    assert TABLE.stat().st_size < 120_000
    assert len(known_types()) > 400


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("mobilenet_v1", "output_stride"),
        ("mobilenet_v2", "output_stride"),
        ("esm", "token_dropout"),
        ("gemma2", "final_logit_softcapping"),
        ("gemma2", "attn_logit_softcapping"),
        ("gemma3_text", "final_logit_softcapping"),
        ("granite", "logits_scaling"),
        ("cohere", "logit_scale"),
        ("falcon_h1", "lm_head_multiplier"),
        ("mistral", "sliding_window"),
        ("qwen2", "max_window_layers"),
        ("phi3", "original_max_position_embeddings"),
        ("bert", "layer_norm_eps"),
        ("t5", "relative_attention_max_distance"),
        ("llama", "rms_norm_eps"),
        ("llama", "return_dict"),
        ("llama", "my_scaling"),
        ("no such type", "initializer_range"),
    ],
)
def test_what_changes_results_is_not_in_the_table(kind: str, name: str) -> None:
    assert not no_effect(kind, name)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("llama", "attention_dropout"),
        ("llama", "initializer_range"),
        ("llama", "use_cache"),
        ("llama", "pretraining_tp"),
        ("mixtral", "router_aux_loss_coef"),
        ("bert", "hidden_dropout_prob"),
        ("wav2vec2", "mask_time_prob"),
        ("wav2vec2", "apply_spec_augment"),
        ("wav2vec2", "ctc_loss_reduction"),
        ("swin", "drop_path_rate"),
        ("convnext", "drop_path_rate"),
        ("t5", "initializer_factor"),
        ("clip", "logit_scale_init_value"),
        ("no such type", "transformers_version"),
    ],
)
def test_what_changes_nothing_is(kind: str, name: str) -> None:
    assert no_effect(kind, name)


class TestNested:
    """A setting in a nested config: its own type decides, and the outer one must not read it."""

    def test_it_follows_the_type_around_it(self) -> None:
        held = {"model_type": "llava", "text_config": {"model_type": "llama"}}
        assert has_no_effect("text_config.attention_dropout", held, held)
        assert not has_no_effect("text_config.rms_norm_eps", held, held)

    def test_both_sides_must_be_of_the_same_type(self) -> None:
        one, other = ({"model_type": "llava", "text_config": {"model_type": kind}} for kind in ("llama", "mistral"))
        assert not has_no_effect("text_config.attention_dropout", one, other)

    def test_an_outer_type_that_is_unknown_may_read_anything(self) -> None:
        held = {"model_type": "no such type", "text_config": {"model_type": "llama"}}
        assert not has_no_effect("text_config.attention_dropout", held, held)

    def test_an_object_that_is_no_config_has_no_type(self) -> None:
        held = {"model_type": "llama", "rope_parameters": {"attention_dropout": 1}}
        assert not has_no_effect("rope_parameters.attention_dropout", held, held)


@pytest.mark.parametrize("name", ["cache_implementation", "cache_config", "return_dict_in_generate", "temperature"])
def test_generation_settings_with_an_effect(name: str) -> None:
    assert not has_no_effect_on_generation(name)


@pytest.mark.parametrize("name", ["use_cache", "output_scores", "_from_model_config", "transformers_version"])
def test_generation_settings_without(name: str) -> None:
    assert has_no_effect_on_generation(name)
