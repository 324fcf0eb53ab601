"""Tokenizers as public repos have them: the level is that of what AutoTokenizer loads."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from hfver.core.version import Bump
from hfver.model.compare import Side, compare
from tests.model.compare.tokenizer_pairs import PAIRS, ROWS, Files, TokenizerPair


def side(files: Files) -> Side:
    contents = {"config.json": json.dumps({"vocab_size": ROWS}).encode(), **files}
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


OLDEST = re.findall(r"transformers>=([\d.]+)", (Path(__file__).parents[3] / "pyproject.toml").read_text())[0]
"""The oldest version that is allowed. ``make test-oldest`` runs this file with it."""


def test_the_levels_that_depend_on_the_version_of_transformers() -> None:
    """The list is complete for the pairs above, because each is tried with the oldest version and with the newest."""
    assert [pair.name for pair in PAIRS if pair.oldest] == ["Llama's class on a byte-level file"]


def expected(pair: TokenizerPair) -> Bump:
    if pair.oldest and (version("transformers") + ".").startswith(OLDEST + "."):
        return pair.oldest
    if pair.needs and not find_spec(pair.needs):
        return Bump.MAJOR
    return pair.level
