"""Properties of every comparison, whatever the two checkpoints are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hfver.core.version import Bump
from hfver.errors import BadConfig
from hfver.model.compare import RULES, Difference, Side, compare, needs_content
from hfver.model.compare.rules import FAMILIES
from tests.model.compare import edits
from tests.model.compare.edits import (
    Edit,
    both,
    card,
    config,
    drop,
    lineage,
    moving,
    put,
    same,
    settings,
    tensors,
    undigested,
)

few = hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
HEIGHT = {None: 0, Bump.PATCH: 1, Bump.MINOR: 2, Bump.MAJOR: 3}

# Edits that are quick to compare, none of which undoes or hides another.
EDITS: tuple[Edit, ...] = (
    config(eos_token_id=4),
    config(use_cache=False),
    config(hidden_act="gelu"),
    config(max_position_embeddings=512),
    config(eos_token_id=[1]),
    settings("generation_config.json", temperature=0.5),
    moving("model.norm.weight"),
    edits.reshaped("model.layers.0.mlp.up_proj.weight", (96, 49)),
    edits.resharded(3),
    card(license="mit"),
    card(license="cc-by-nc-4.0"),
    lineage(name="x", source="acme/base", revision="b" * 40),
    put("LICENSE", "x"),
    put("extra.csv", "x"),
    put("code.py", "x"),
    same,
)
CLASHES = ({EDITS[0], EDITS[4]}, {EDITS[9], EDITS[10]})
"""Edits that set the same value, so that the later one wins."""


def levels(difference: Difference) -> list[int]:
    return [HEIGHT[change.level] for change in difference.changes]


def test_a_checkpoint_does_not_differ_from_itself(sides: Mapping[str, Side]) -> None:
    for side in sides.values():
        assert compare(side, side) == replace(compare(side, side), level=None, changes=(), notes=())
        assert compare(undigested(side), side).level is None


@few
@given(chosen=st.lists(st.sampled_from(EDITS), max_size=4))
def test_the_highest_level_wins_and_comes_first(bot: Side, chosen: list[Edit]) -> None:
    difference = compare(bot, both(*chosen)(bot))
    assert HEIGHT[difference.level] == max(levels(difference), default=0)
    assert all(high >= low for high, low in pairwise(levels(difference)))
    assert json.loads(json.dumps(difference.to_json()))["level"] == (difference.level or "none")


@few
@given(one=st.sampled_from(EDITS), other=st.sampled_from(EDITS))
def test_two_changes_have_the_level_of_the_higher_one(bot: Side, one: Edit, other: Edit) -> None:
    if one is not other and any({one, other} <= pair for pair in CLASHES):
        return
    highest = max(HEIGHT[compare(bot, edit(bot)).level] for edit in (one, other))
    assert HEIGHT[compare(bot, both(one, other)(bot)).level] == highest


@few
@given(chosen=st.lists(st.sampled_from(EDITS), max_size=3), seed=st.randoms(use_true_random=False))
def test_the_order_of_files_tensors_and_keys_never_matters(bot: Side, chosen: list[Edit], seed: object) -> None:
    after = both(*chosen)(bot)
    expected = compare(bot, after)
    shuffle = getattr(seed, "shuffle")  # noqa: B009
    files, held = list(after.files.items()), list(after.tensors)
    shuffle(files)
    shuffle(held)
    contents = dict(reversed(list(after.contents.items())))
    assert compare(bot, replace(after, files=dict(files), tensors=tuple(held), contents=contents)) == expected


@pytest.mark.parametrize("shards", [1, 2, 7])
def test_shards_never_matter_to_other_rules(bot: Side, shards: int) -> None:
    after = edits.resharded(shards)(bot)
    assert compare(bot, after).level == Bump.PATCH
    assert compare(bot, moving()(after)).level == compare(after, moving()(bot)).level == Bump.MINOR


SYMMETRIC = (
    config(eos_token_id=4),
    config(hidden_act="gelu"),
    config(num_hidden_layers=3),
    moving(),
    edits.resharded(),
    edits.retyped("F16"),
    tensors(lambda t: None if t.name == "model.norm.weight" else t),
    settings("generation_config.json", temperature=0.5),
    drop("config.json"),
    edits.reordered("config.json"),
    lineage(name="x", source="acme/other"),
)


@pytest.mark.parametrize("edit", SYMMETRIC)
def test_the_reverse_change_has_the_same_level(bot: Side, edit: Edit) -> None:
    after = edit(bot)
    assert compare(bot, after).level == compare(after, bot).level is not None


def test_changed_weights_are_counted(bot: Side) -> None:
    head = next(tensor for tensor in bot.tensors if tensor.name == "lm_head.weight")
    weights = compare(bot, moving("lm_head.weight")(bot)).weights
    assert (weights.moved, weights.total) == (1, len(bot.tensors))
    assert weights.share == pytest.approx(head.nbytes / sum(tensor.nbytes for tensor in bot.tensors))
    assert compare(bot, moving()(bot)).weights.share == 1.0
    assert compare(bot, edits.resharded()(bot)).weights.share == 0.0
    assert str(compare(bot, moving()(bot)).weights) == "100.0% of the weights changed (21 of 21 tensors)"


class TestWithoutDigests:
    """A repo that hfver did not release has no digests of tensors."""

    def test_in_doubt_a_different_file_means_different_weights(self, bot: Side) -> None:
        difference = compare(undigested(bot), moving()(bot))
        assert difference.level == Bump.MINOR and "No digests" in difference.notes[0]

    def test_resharding_cannot_be_distinguished_from_new_weights(self, bot: Side) -> None:
        difference = compare(undigested(bot), edits.resharded()(bot))
        assert difference.level == Bump.MINOR and difference.notes

    def test_in_doubt_an_embedding_model_is_major(self, sides: Mapping[str, Side]) -> None:
        side = sides["sentence"]
        assert compare(undigested(side), moving()(side)).level == Bump.MAJOR

    def test_files_with_identities_of_two_kinds_are_compared_by_their_bytes(self, bot: Side) -> None:
        blobs = {path: "blob:1" if path in bot.contents else identity for path, identity in bot.files.items()}
        assert compare(replace(bot, files=blobs), bot).level is None
        without = {path: data for path, data in bot.contents.items() if path != "generation_config.json"}
        assert compare(replace(bot, files=blobs, contents=without), bot).level == Bump.MAJOR


def test_two_tensors_with_the_same_name_are_both_compared(bot: Side) -> None:
    twin = replace(bot.tensors[0], file="other.safetensors", digest="xxh3:" + "7" * 32)
    one = replace(bot, tensors=(*bot.tensors, twin), files={**bot.files, "other.safetensors": "sha256:7"})
    other = replace(one, tensors=(*bot.tensors, replace(twin, digest="xxh3:" + "8" * 32)))
    assert compare(one, replace(other, files={**one.files, "other.safetensors": "sha256:8"})).level == Bump.MINOR


class TestLevels:
    """A repo's own levels."""

    def test_a_level_for_a_rule(self, bot: Side) -> None:
        after = config(hidden_act="gelu")(bot)
        assert compare(bot, after, levels={"unknown-setting": Bump.PATCH}).level == Bump.PATCH

    def test_a_level_for_a_place_has_precedence_over_that_for_its_rule(self, bot: Side) -> None:
        after = both(config(hidden_act="gelu"), put("x.csv", "1"))(bot)
        own = {"unknown-setting": Bump.MAJOR, "config.json:hidden_act": Bump.PATCH, "x.csv": Bump.PATCH}
        assert compare(bot, after, levels=own).level == Bump.PATCH

    def test_a_level_for_an_unknown_rule_is_refused(self, bot: Side) -> None:
        with pytest.raises(BadConfig, match="no rule 'wieghts'") as error:
            compare(bot, bot, levels={"wieghts": Bump.PATCH})
        assert "weights" in error.value.hint

    def test_the_message_says_what_to_write(self, bot: Side) -> None:
        (found,) = compare(bot, config(hidden_act="gelu")(bot)).changes
        assert f'"{found.where}" = "patch"' in found.message


@pytest.mark.parametrize(
    ("path", "size", "wanted"),
    [
        ("config.json", 900, True),
        ("vision/config.json", 900, True),
        ("config.json", 9_000_000, False),
        ("tokenizer.json", 33_000_000, True),
        ("tokenizer.json", 99_000_000, False),
        ("additional_chat_templates/rag.jinja", 900, True),
        ("tokenizer.model", 900, False),
        ("model.safetensors", 900, False),
        ("model.safetensors.index.json", 900, True),
        ("data.json", 900, False),
    ],
)
def test_which_files_must_be_fetched(path: str, size: int, wanted: bool) -> None:
    assert needs_content(path, size) is wanted


def test_rule_ids_are_unique() -> None:
    assert len(RULES) == sum(len(family.RULES) for family in FAMILIES)
