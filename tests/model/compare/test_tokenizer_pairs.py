"""Tokenizers as public repos have them: the level is that of what AutoTokenizer loads."""

from __future__ import annotations

import hashlib
import json
from importlib.util import find_spec

import pytest

from hfver.core.version import Bump
from hfver.model.compare import Side, compare
from tests.model.compare.tokenizer_pairs import PAIRS, ROWS, Files, TokenizerPair


def side(files: Files) -> Side:
    contents = {**files, "config.json": json.dumps({"vocab_size": ROWS}).encode()}
    identities = {name: f"sha256:{hashlib.sha256(data).hexdigest()}" for name, data in contents.items()}
    return Side(name="made", files=identities, contents=contents)


def marked(pair: TokenizerPair) -> object:
    """Keep in the quick tests what was once wrong, and leave the others to the wide ones."""
    marks = () if pair.name.startswith(("class rebuilds", "special_tokens_map")) else (pytest.mark.more,)
    return pytest.param(pair, id=pair.name, marks=marks)


@pytest.mark.parametrize("pair", [marked(pair) for pair in PAIRS])
def test_the_level_is_that_of_the_loaded_tokenizers(pair: TokenizerPair) -> None:
    before = pair.first(pair.of())
    difference = compare(side(before), side(pair.edit(before)))
    assert difference.level is expected(pair), difference


def expected(pair: TokenizerPair) -> Bump:
    if pair.needs and not find_spec(pair.needs):
        return Bump.MAJOR
    return pair.level
