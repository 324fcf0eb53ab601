"""Remove what training libraries write into a README without an author, because hfver's card says it better.

The Trainer's card repeats hyperparameters and package versions; PEFT saves the Hub's empty template, sixty headings
over ``[More Information Needed]``. Whatever a person has filled in is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["without_boilerplate"]

_TRAINER = "This model card has been generated automatically according to the information the Trainer had"
_TEMPLATE = "[More Information Needed]"

_COMMENT = re.compile(r"<!--(?:(?!-->).)*-->[ \t]*\n?", re.DOTALL)
_HEADING = re.compile(r"(?P<level>#{1,6})\s+(?P<title>.*)")
_EMPTY = re.compile(r"\s*(?:- )?(?:\*\*[^*]+:\*\*)?\s*\[?More information needed\]?\s*", re.IGNORECASE)
# Sentences of PEFT's template that stay behind when its placeholders are removed.
_FILLER = (
    "Users (both direct and downstream) should be made aware of the risks",
    "Use the code below to get started with the model.",
    "Carbon emissions can be estimated using the",
    "**BibTeX:**",
    "**APA:**",
)
_SUPERSEDED = {"training hyperparameters", "framework versions"}
_INTRODUCTION = re.compile(
    r"This model (?:is a fine-tuned version of|was trained from scratch on)[^\n]*\n"
    r"(?:It achieves the following results on the evaluation set:\n(?:- [^\n]*\n?)*)?"
)


@dataclass(frozen=True)
class _Section:
    level: int
    title: str
    heading: str
    body: str


def without_boilerplate(body: str) -> str:
    """Remove the boilerplate from a card that a library wrote; return one that a person wrote unchanged."""
    if _TRAINER in body:
        return _join(_kept(_sections(_INTRODUCTION.sub("", _uncommented(body), count=1))))
    if _TEMPLATE in body:
        return _join(_kept(_sections(_uncommented(body))))
    return body


def _uncommented(body: str) -> str:
    return _COMMENT.sub("", body)


def _sections(body: str) -> list[_Section]:
    sections = [_Section(0, "", "", "")]
    fenced = False  # a line that begins with # inside a code block is not a heading
    for line in body.split("\n"):
        fenced ^= line.startswith(("```", "~~~"))
        match = None if fenced else _HEADING.fullmatch(line)
        if match:
            sections.append(_Section(len(match["level"]), match["title"].strip(), line, ""))
        elif not _is_empty(line):
            last = sections[-1]
            sections[-1] = _Section(last.level, last.title, last.heading, f"{last.body}{line}\n")
    return sections


def _is_empty(line: str) -> bool:
    return _EMPTY.fullmatch(line) is not None or line.startswith(_FILLER)


def _kept(sections: list[_Section]) -> list[_Section]:
    """Drop what is superseded, then every heading with nothing under it, and the title that the library chose."""
    rest = [section for section in sections if section.title.lower() not in _SUPERSEDED]
    kept: list[_Section] = []
    # From the bottom up, because a heading without text stays if a deeper one below it stays.
    for section in reversed(rest):
        parent_of_kept = bool(kept) and kept[0].level > section.level
        if section.body.strip() or (parent_of_kept and section.level > 1):
            kept.insert(0, section)
    return [_Section(0, "", "", s.body) if s.level == 1 else s for s in kept]


def _join(sections: list[_Section]) -> str:
    parts = (f"{section.heading}\n\n{section.body.strip()}".strip() for section in sections)
    return "\n\n".join(part for part in parts if part)
