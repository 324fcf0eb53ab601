"""What is loaded to compare tokenizers, what is not, and what is said about it."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest

from hfver.core.version import Bump
from hfver.model.compare import Side, compare
from hfver.model.compare.compared_files import is_needed
from hfver.model.compare.loaded_tokenizers import loaded_comparison, loaded_comparisons
from hfver.model.compare.pair import Pair
from hfver.model.compare.rules import RULES
from tests.model.compare.edits import both, config, drop, put, reordered, settings, tokenizer
from tests.model.compare.test_tokenizer_pairs import side
from tests.model.compare.tokenizer_pairs import MAP, TOK, gemma, sentencepiece


def nested(whole: Side, folder: str) -> Side:
    """Return a side that has the files of another one in a folder."""
    files = {f"{folder}/{path}": identity for path, identity in whole.files.items()}
    return Side(name="made", files=files, contents={f"{folder}/{path}": data for path, data in whole.contents.items()})


def test_the_versions_of_the_libraries_are_recorded(bot: Side) -> None:
    difference = compare(bot, reordered(TOK)(bot))
    assert difference.libraries == {name: version(name) for name in ("tokenizers", "transformers")}
    assert difference.to_json()["libraries"] == difference.libraries


def test_files_with_equal_values_are_proof_without_loading(bot: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    # The class exists in no library, and the time would not suffice to load any.
    monkeypatch.setattr("hfver.model.compare.loaded_tokenizers.SECONDS", 0.0)
    for edit in (reordered(TOK), settings(TOK, chat_template="x", name_or_path="acme/base"), put("README.md", "x")):
        assert all(found is not None and found.is_equal for found in loaded_comparisons(Pair(bot, edit(bot))).values())


def test_without_loading_the_higher_level_is_taken_with_a_note(bot: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfver.model.compare.loaded_tokenizers.SECONDS", 0.0)
    difference = compare(bot, settings(TOK, tokenizer_class="LlamaTokenizer", added=True)(bot))
    assert difference.level is Bump.MAJOR
    assert "could not load" in difference.notes[0]


def test_without_loading_the_file_that_wins_is_the_one_that_transformers_takes(
    bot: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hfver.model.compare.loaded_tokenizers.SECONDS", 0.0)
    changed = put(MAP, json.dumps({"eos_token": "<pad>"}))
    (found,) = compare(bot, changed(bot)).changes
    assert (found.rule, found.before, found.after) == ("special-ids", "</s>", "<pad>")
    with_table = settings(TOK, added_tokens_decoder={"1": {"content": "</s>"}})(bot)
    assert compare(with_table, changed(with_table)).level is Bump.PATCH


@pytest.mark.parametrize(
    "edit",
    [
        settings(TOK, auto_map={"AutoTokenizer": ["code.T", None]}, x=1),
        settings(TOK, auto_map=["code.T", None], x=1),
        both(config(auto_map={"AutoTokenizer": ["code.T", None]}), settings(TOK, x=1)),
        both(put("tekken.json", "{}"), settings(TOK, x=1)),
        put(TOK, "{"),
    ],
    ids=["code", "code in the old form", "code named in config.json", "another library", "broken"],
)
def test_what_other_code_would_load_is_not_loaded(bot: Side, edit: object) -> None:
    assert callable(edit)
    assert loaded_comparison(Pair(bot, edit(bot))) is None
    assert loaded_comparison(Pair(edit(bot), bot)) is None


def test_file_names_in_the_settings_are_not_followed(bot: Side) -> None:
    away = settings(TOK, tokenizer_file="/etc/hostname", vocab_file="/etc/passwd", gguf_file="../x.gguf")(bot)
    found = loaded_comparison(Pair(bot, away))
    assert found is not None and found.is_equal


def test_a_tokenizer_without_its_vocabulary_is_not_loaded() -> None:
    """Classes build an empty tokenizer then, and two of these are equal."""
    before = side(sentencepiece())
    after = settings(TOK, add_prefix_space=False)(before)
    without = {path: data for path, data in after.contents.items() if path != "tokenizer.model"}
    unread = Side(name="unread", files=after.files, contents=without)
    assert loaded_comparison(Pair(before, unread)) is None
    assert compare(before, unread).level is Bump.MAJOR


def test_a_tokenizer_in_a_folder_is_compared_with_itself(bot: Side) -> None:
    """Not with that in the root."""
    inner = nested(side(gemma()), "0_Transformer")
    before = Side(name="both", files={**bot.files, **inner.files}, contents={**bot.contents, **inner.contents})
    inner_settings = "0_Transformer/tokenizer_config.json"
    before = tokenizer_in(before, "0_Transformer/tokenizer.json")
    changed = compare(before, settings(inner_settings, tokenizer_class="TokenizersBackend")(before))
    assert {change.rule for change in changed.changes if change.level is Bump.MAJOR} >= {"token-ids", "tokenizer-class"}
    assert all(change.where.startswith("0_Transformer/") for change in changed.changes)
    respelled = compare(before, settings(inner_settings, tokenizer_class="GemmaTokenizerFast")(before))
    assert respelled.level is Bump.PATCH


def tokenizer_in(whole: Side, path: str) -> Side:
    """Take the normalizer out of a tokenizer.json, which the class builds anyway."""
    held = json.loads(whole.contents[path])
    return put(path, json.dumps(held | {"normalizer": None}))(whole)


def test_a_part_that_differs_is_named_with_its_values() -> None:
    before = tokenizer(lambda held: held.update(normalizer=None))(side(gemma()))
    difference = compare(before, settings(TOK, tokenizer_class="TokenizersBackend")(before))
    changes = {change.where: change for change in difference.changes}
    normalizer = changes[f"{TOK}:normalizer"]
    assert normalizer.rule == "token-ids" and normalizer.before["type"] == "Replace" and normalizer.after is None
    assert "fixed texts" in normalizer.message
    assert changes[f"{TOK}:padding_side"].before == "left"


def test_every_file_of_equal_tokenizers_is_explained(bot: Side) -> None:
    before = settings(TOK, added_tokens_decoder={})(bot)
    difference = compare(before, drop("special_tokens_map.json")(put(MAP, "{}")(before)))
    assert difference.level in (None, Bump.PATCH)
    assert {change.rule for change in difference.changes} <= set(RULES)


@pytest.mark.parametrize(
    ("path", "files", "others", "needed"),
    [
        ("tokenizer.model", {"tokenizer.model": "a"}, {"tokenizer.model": "b"}, True),
        ("tokenizer.model", {"tokenizer.model": "a"}, {"tokenizer.model": "a"}, False),
        ("tokenizer.model", {"tokenizer.model": "a"}, {"tokenizer.model": "a", "tokenizer.json": "c"}, True),
        ("tokenizer.model", {"tokenizer.model": "a", "tokenizer.json": "c"}, {"tokenizer.model": "b"}, False),
        ("x/spiece.model", {"x/spiece.model": "a", "tokenizer.json": "c"}, {}, True),
        ("model.safetensors", {"model.safetensors": "a"}, {}, False),
        ("tokenization_x.py", {"tokenization_x.py": "a"}, {}, False),
    ],
)
def test_a_vocabulary_is_read_where_there_is_no_tokenizer_json(
    path: str, files: dict[str, str], others: dict[str, str], needed: bool
) -> None:
    assert is_needed(path, 2_000_000, files, others) is needed
