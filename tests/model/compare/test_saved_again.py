"""Tokenizers that transformers loads and saves again: what it spells out is no change."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, GemmaTokenizer

from hfver.core.version import Bump
from hfver.model.compare import Side, compare
from tests.model.smoke import tiny

TOK = "tokenizer_config.json"


def of(folder: Path) -> Side:
    texts = {path.name: path.read_bytes() for path in folder.iterdir()}
    files = {name: f"sha256:{hashlib.sha256(data).hexdigest()}" for name, data in texts.items()}
    return Side(name=folder.name, files=files, texts=texts)


def saved(words: Any, folder: Path) -> Path:
    words.save_pretrained(folder)
    return folder


def again(folder: Path, **given: Any) -> Path:
    words = AutoTokenizer.from_pretrained(folder, **given)
    return saved(words, folder.with_name(f"{folder.name}-again"))


def level(one: Path, other: Path) -> Bump | None:
    return compare(of(one), of(other)).level


@pytest.fixture(params=["generic", "gemma"])
def words(request: pytest.FixtureRequest) -> Any:
    """A tokenizer whose class pads on the right, and one whose class pads on the left."""
    return tiny.byte_tokenizer() if request.param == "generic" else GemmaTokenizer()


@pytest.mark.parametrize("called", [{}, {"padding": True}, {"padding": True, "truncation": True, "max_length": 8}])
def test_saving_again_is_a_patch_at_most(words: Any, called: dict[str, Any], tmp_path: Path) -> None:
    words(["the sea", "the"], **called)
    first = saved(words, tmp_path / "first")
    second = again(first)
    assert (first / "tokenizer.json").read_bytes() == (second / "tokenizer.json").read_bytes()
    assert ("padding" in called) == (b'"padding_side"' in (second / TOK).read_bytes())
    assert level(first, second) in (None, Bump.PATCH)
    assert level(second, first) in (None, Bump.PATCH)


def test_the_other_side_is_still_seen(words: Any, tmp_path: Path) -> None:
    first = saved(words, tmp_path / "first")
    other = {"left": "right", "right": "left"}[words.padding_side]
    assert level(first, again(first, padding_side=words.padding_side)) is Bump.PATCH
    assert level(first, again(first, padding_side=other)) is Bump.MAJOR
