"""STYLE.md is kept: what its tables retire is in no name, no text and no document."""

from __future__ import annotations

import io
import keyword
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.markdown import DOCUMENTS, ROOT, prose

STYLE = (ROOT / "STYLE.md").read_text()

CODE = sorted((ROOT / "hfver").rglob("*.py"))
TEMPLATES = sorted((ROOT / "model_cards").rglob("*.md*"))
TEXT_TOKENS = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}

SINGLE_WORD = re.compile(r"\w*(['\"])\w+\1")
"""A string of one word is a key or a name of somebody's format, no prose."""
QUOTED = re.compile(r'"[^"]*"|`[^`]*`')

Offence = tuple[Path, int, str]


def retired(title: str) -> list[str]:
    """List what the last column of a section's table has in code."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", STYLE, re.MULTILINE | re.DOTALL)
    assert found, title
    rows = [row.strip("|").split("|") for row in found[1].splitlines() if row.startswith("|")]
    return [word for row in rows[2:] for word in re.findall(r"`([^`]+)`", row[-1])]


NAMES = frozenset(retired("Terms"))
PHRASES = retired("Sentences")


def pattern_of(phrase: str) -> str:
    """Translate a phrase; a capital may begin it, and lines may break in it.

    ``*`` is the rest of a word, ``$`` the end of a clause; after a word in parentheses the phrase is fine.
    """
    excuses, _, phrase = phrase.rpartition(") ")
    words = r"\s+".join(re.escape(word) for word in phrase.split())
    first = f"[{phrase[0]}{phrase[0].upper()}]"
    plain = f"{first}{words[1:]}".replace(r"\*", r"\w*").replace(r"\$", r"(?=[.,;:)]|\s*\Z)")
    words_before = re.findall(r"\w+", excuses)
    allowed = {form for word in words_before for form in (word, word[0].upper() + word[1:])}
    return "".join(rf"(?<!{word}\s)" for word in sorted(allowed)) + plain


RETIRED = re.compile(rf"(?<![\w-])(?:{'|'.join(pattern_of(phrase) for phrase in PHRASES)})(?!\w)")


def in_text(path: Path, text: str, line: int = 1) -> Iterator[Offence]:
    for found in RETIRED.finditer(text):
        yield path, line + text.count("\n", 0, found.start()), " ".join(found[0].split())


def words_of(name: str) -> list[str]:
    """Split an identifier into its words, in lower case; a company's name is one."""
    parts = re.sub(r"Hugging_?Face", "Huggingface", name)
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", parts)]


def in_code(path: Path) -> Iterator[Offence]:
    yield from ((path, 0, word) for word in words_of(path.stem) if word in NAMES)
    source = path.read_text()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
            yield from ((path, token.start[0], word) for word in words_of(token.string) if word in NAMES)
        elif token.type in TEXT_TOKENS and not SINGLE_WORD.fullmatch(token.string):
            text = QUOTED.sub("", token.string) if token.type == tokenize.COMMENT else token.string
            yield from in_text(path, text, token.start[0])


def offences() -> list[Offence]:
    found = [offence for path in CODE for offence in in_code(path)]
    for path in TEMPLATES:
        found += in_text(path, path.read_text())
    for path in DOCUMENTS:
        if path.name != "STYLE.md":
            found += in_text(path, prose(path.read_text()))
    return found


def test_no_retired_word_is_used() -> None:
    found = [f"{path.relative_to(ROOT).as_posix()}:{line}: {word}" for path, line, word in offences()]
    assert not found, "STYLE.md says what to write instead:\n" + "\n".join(found)


def test_the_tables_are_read() -> None:
    assert {"wish", "demand", "exhibit", "patience", "terms", "face", "pinning"} <= NAMES
    assert {"anew", "licence*", "made otherwise", "(there) is none$"} <= set(PHRASES)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Tell whether a file\nis large.", ["Tell whether"]),
        ("Lock it anew, or not.", ["anew"]),
        ("It is cut\n  otherwise.", ["cut otherwise"]),
        ("Otherwise the lock wins.", []),
        ("It is heeded. The heading stays.", ["heeded"]),
        ("``lock`` is None, and that is none.", ["is none"]),
        ("None if there is\nnone, or there are none. There is none.", []),
        ("It is none of them, unless a line says otherwise.", []),
        ("It must be read otherwise.", ["otherwise"]),
        ("It ran meanwhile. Meanwhile it ran.", ["meanwhile"]),
        ("A licence, two colours, a license.", ["licence", "colours"]),
        ("never re-serialised", ["re-serialised"]),
    ],
)
def test_phrases_are_found_as_the_tables_mean_them(text: str, found: list[str]) -> None:
    assert [word for _, _, word in in_text(Path("x"), text)] == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("read_wishes", ["wishes"]),
        ("Exhibit", ["exhibit"]),
        ("HuggingFaceToken", []),
        ("surface", []),
        ("TERMS", ["terms"]),
    ],
)
def test_names_are_compared_word_by_word(name: str, found: list[str]) -> None:
    assert [word for word in words_of(name) if word in NAMES] == found
