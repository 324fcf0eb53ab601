"""hfver's parts of a card and the author's, separated by marks, so that one can change and the other stay.

A part of hfver's stands between ``<!-- hfver:begin NAME … -->`` and ``<!-- hfver:end NAME -->``, each on a line of its
own and outside code fences. Everything else is the author's. Published cards hold these marks: they never change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Prose", "mark", "read_prose"]

_BEGIN = re.compile(r"<!-- hfver:begin (?P<name>[a-z]{1,20})\b[^>\n]{0,200}-->[ \t]*")
# A mark without its counterpart is dropped: left in the prose, it could pair up with one of ours.
_ANY = re.compile(r"<!--\s*hfver:(?:begin|end)\b.*")
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})(?P<info>.*)")
_NOTE = "written by hfver at every release; write outside these marks"
# Elements that swallow or hide what follows until they are closed.
_CLOSED = ("details", "table", "div", "center", "pre", "script", "style", "textarea", "title", "blockquote")
_TAG = re.compile(rf"<(?P<slash>/?)(?P<tag>{'|'.join(_CLOSED)})\b[^>]*>", re.IGNORECASE)


@dataclass(frozen=True)
class Prose:
    """What the author wrote.

    Attributes:
        above: What stands above the part that describes the release.
        below: What stands below it.
        generated: Whether the card holds parts of hfver's, because an earlier release wrote it.
    """

    above: str
    below: str
    generated: bool


def mark(name: str, body: str) -> str:
    """Put a part of hfver's between its marks."""
    return f"<!-- hfver:begin {name} — {_NOTE} -->\n{body.strip()}\n<!-- hfver:end {name} -->"


def read_prose(body: str) -> Prose:
    """Remove hfver's parts from the body of a card and close what the author left open.

    Otherwise an open fence, comment or ``<details>`` of the author's would swallow the part of hfver's after it.
    """
    parts: dict[bool, list[str]] = {False: [], True: []}
    generated = past = False
    for name, lines in _segments(body.split("\n")):
        if name is None:
            parts[past].append("\n".join(lines))
        generated = generated or name is not None
        past = past or name == "release"
    return Prose(_join(parts[False]), _join(parts[True]), generated)


def _join(pieces: list[str]) -> str:
    bare = (re.sub(r"\A(?:[ \t]*\n)+", "", piece).rstrip() for piece in pieces)
    return "\n\n".join(_closed(piece) for piece in bare if piece)


def _segments(lines: list[str]) -> Iterator[tuple[str | None, list[str]]]:
    """Yield the name of each part of hfver's, or None for prose, with its lines, in order."""
    prose: list[str] = []
    fence, index = "", 0
    while index < len(lines):
        begin = None if fence else _BEGIN.fullmatch(lines[index])
        end = _find_end(lines, index, begin["name"]) if begin else None
        if begin and end:
            yield None, prose
            yield begin["name"], lines[index : end + 1]
            prose, index = [], end
        elif fence or not _ANY.match(lines[index]):
            fence = _fence_after(fence, lines[index])
            prose.append(lines[index])
        index += 1
    yield None, prose


def _find_end(lines: list[str], start: int, name: str) -> int | None:
    """Find the line that ends a part; a part never contains the beginning of another one."""
    for index in range(start + 1, len(lines)):
        if lines[index].rstrip() == f"<!-- hfver:end {name} -->":
            return index
        if _BEGIN.fullmatch(lines[index]):
            return None
    return None


def _fence_after(fence: str, line: str) -> str:
    """Return the characters of the code fence that is open after a line, or nothing."""
    # As CommonMark defines it: a fence is closed by at least as many of its own characters, with nothing after them.
    match = _FENCE.match(line)
    if match is None:
        return fence
    if not fence:
        return match["fence"] if "`" not in match["info"] or match["fence"][0] == "~" else ""
    closes = match["fence"].startswith(fence) and not match["info"].strip()
    return "" if closes else fence


def _closed(prose: str) -> str:
    fence, comment, tags = "", False, list[str]()
    for line in prose.split("\n"):
        fence = fence if comment else _fence_after(fence, line)
        if not fence:
            comment = _comment_after(comment, line)
            tags = tags if comment else _tags_after(tags, line)
    ends = ([fence] if fence else []) + (["-->"] if comment else [])
    return "\n".join([prose, *ends, *(f"\n</{tag}>" for tag in reversed(tags))])


def _comment_after(comment: bool, line: str) -> bool:
    rest = re.sub(r"`[^`]*`", "", line)  # a comment inside a code span is text
    while rest:
        _, found, rest = rest.partition("-->" if comment else "<!--")
        comment = comment != bool(found)
    return comment


def _tags_after(tags: list[str], line: str) -> list[str]:
    open_tags = list(tags)
    for match in _TAG.finditer(re.sub(r"`[^`]*`", "", line)):
        tag = match["tag"].lower()
        if not match["slash"]:
            open_tags.append(tag)
        elif tag in open_tags:
            del open_tags[len(open_tags) - 1 - open_tags[::-1].index(tag) :]
    return open_tags
