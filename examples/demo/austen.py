"""Turn two novels into the demo's training data: chapters, and questions with answers.

    python examples/demo/austen.py out/data

Everything is derived from the texts in ``data/`` by fixed rules, so two runs write the same files. One chapter in ten
is held out: no training example comes from it, and every model is evaluated on it.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict
from zlib import crc32

DATA = Path(__file__).parent / "data"
BOOKS = ("pride-and-prejudice", "persuasion")
HELD_OUT_EVERY = 10
Split = Literal["train", "heldout"]

_CHAPTER = re.compile(r"^Chapter \d+$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?])(?<!\bMr\.)(?<!\bMrs\.)(?<!\bDr\.)(?<!\bSt\.)\s+(?=[A-Z])")
_EARLY = 60
_TITLES = r"Mr\.|Mrs\.|Miss|Lady|Sir|Captain|Colonel|Admiral|Dr\."
_NOUNS = (
    "aunt|ball|brother|carriage|conversation|cousin|daughter|dinner|evening|eyes|family|father|feelings|"
    "gentleman|girl|girls|heart|house|husband|ladies|lady|letter|manners|marriage|mind|morning|mother|niece|"
    "officers|party|pleasure|room|sister|sisters|smile|spirits|uncle|visit|walk|wife"
)
_QUESTIONS = (
    "Tell me about {}.",
    "What do you know of {}?",
    "What can you say of {}?",
    "Say something about {}.",
)


class Files(NamedTuple):
    """The files that training reads: JSON lines with ``text``, or with ``question`` and ``answer``."""

    chapters: Path
    chapters_heldout: Path
    questions_one_novel: Path
    questions_both_novels: Path
    questions_heldout: Path


class Pair(TypedDict):
    """A question and the sentence from the novels that answers it."""

    question: str
    answer: str


def write(directory: Path) -> Files:
    """Write every training and held-out file into a folder."""
    directory.mkdir(parents=True, exist_ok=True)
    return Files(
        _jsonl(directory / "chapters.jsonl", _texts("train")),
        _jsonl(directory / "chapters-heldout.jsonl", _texts("heldout")),
        _jsonl(directory / "questions-1.jsonl", pairs(BOOKS[:1], "train")),
        _jsonl(directory / "questions-2.jsonl", pairs(BOOKS, "train")),
        _jsonl(directory / "questions-heldout.jsonl", pairs(BOOKS, "heldout")),
    )


def _texts(split: Split) -> list[dict[str, str]]:
    return [{"text": body} for book in BOOKS for body in chapters(book, split)]


def _jsonl(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def chapters(book: str, split: Split) -> list[str]:
    """Return the chapters of a novel that belong to one split, with one line per paragraph."""
    text = (DATA / f"{book}.txt").read_text(encoding="utf-8")
    bodies = [_tidy(body) for body in _CHAPTER.split(text)[1:]]
    wanted = split == "heldout"
    return [body for number, body in enumerate(bodies, 1) if (number % HELD_OUT_EVERY == 0) == wanted]


def _tidy(body: str) -> str:
    """Unwrap lines, drop the underscores that mark italics, and write titles the same way in both novels."""
    paragraphs = (" ".join(block.split()) for block in body.replace("_", "").split("\n\n"))
    text = "\n".join(paragraph for paragraph in paragraphs if paragraph)
    return re.sub(r"\b(Mr|Mrs|Dr) (?=[A-Z])", r"\1. ", text)


def pairs(books: tuple[str, ...], split: Split) -> list[Pair]:
    """Make a question about the first person, place or thing that a sentence names; the sentence is the answer."""
    names = _names("\n".join(body for book in BOOKS for body in chapters(book, "train")))
    subject = re.compile(rf"\b((?:{_TITLES}) (?:{names})|(?:{names})|(?:{_NOUNS}))\b")
    sentences = [line for book in books for body in chapters(book, split) for line in _sentences(body)]
    return [_pair(match[1], line) for line in sentences if (match := subject.search(line, 0, _EARLY))]


def _names(text: str) -> str:
    """Return, as regex alternatives, the words that are always capitalized: the names."""
    inside = Counter(re.findall(r"(?<=[a-z,.] )[A-Z][a-z]{3,}\b", text))
    lower = set(re.findall(r"\b[a-z]+\b", text))
    return "|".join(sorted(word for word, n in inside.items() if n >= 5 and word.lower() not in lower))


def _sentences(body: str) -> list[str]:
    """Return the sentences of medium length that are not direct speech."""
    every = (sentence for paragraph in body.split("\n") for sentence in _SENTENCE.split(paragraph))
    return [sentence for sentence in every if 30 <= len(sentence) <= 240 and '"' not in sentence]


def _pair(subject: str, sentence: str) -> Pair:
    asked = f"the {subject}" if subject in _NOUNS.split("|") else subject
    question = _QUESTIONS[crc32(sentence.encode()) % len(_QUESTIONS)]
    return {"question": question.format(asked), "answer": sentence}


if __name__ == "__main__":
    for file in write(Path(sys.argv[1])):
        print(file)
