"""Tokenizers that transformers loads and saves again: spelling out defaults is not a change."""

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
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    files = {name: f"sha256:{hashlib.sha256(data).hexdigest()}" for name, data in contents.items()}
    return Side(name=folder.name, files=files, contents=contents)


def saved(tokenizer: Any, folder: Path) -> Path:
    tokenizer.save_pretrained(folder)
    return folder


def again(folder: Path, **given: Any) -> Path:
    tokenizer = AutoTokenizer.from_pretrained(folder, **given)
    return saved(tokenizer, folder.with_name(f"{folder.name}-again"))


def level(one: Path, other: Path) -> Bump | None:
    return compare(of(one), of(other)).level


@pytest.fixture(params=["generic", "gemma"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    """A tokenizer whose class pads on the right, and one whose class pads on the left."""
    return tiny.byte_tokenizer() if request.param == "generic" else GemmaTokenizer()


@pytest.mark.parametrize("called", [{}, {"padding": True}, {"padding": True, "truncation": True, "max_length": 8}])
def test_saving_again_is_at_most_a_patch(tokenizer: Any, called: dict[str, Any], tmp_path: Path) -> None:
    tokenizer(["the sea", "the"], **called)
    first = saved(tokenizer, tmp_path / "first")
    second = again(first)
    assert (first / "tokenizer.json").read_bytes() == (second / "tokenizer.json").read_bytes()
    assert ("padding" in called) == (b'"padding_side"' in (second / TOK).read_bytes())
    assert level(first, second) in (None, Bump.PATCH)
    assert level(second, first) in (None, Bump.PATCH)


def test_padding_on_the_other_side_is_still_a_change(tokenizer: Any, tmp_path: Path) -> None:
    first = saved(tokenizer, tmp_path / "first")
    other = {"left": "right", "right": "left"}[tokenizer.padding_side]
    assert level(first, again(first, padding_side=tokenizer.padding_side)) is Bump.PATCH
    assert level(first, again(first, padding_side=other)) is Bump.MAJOR
