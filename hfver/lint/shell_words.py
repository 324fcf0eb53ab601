"""Shell text as words, each with its place, so that findings can point at it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Word", "commands_in", "constants_in", "json_words"]

_TOKEN = re.compile(
    r"""(?P<space>(?:[ \t]|\\\r?\n)+)
    |(?P<comment>\#[^\n]*)
    |(?P<end>\r?\n|[;&|()]+)
    |(?P<word>(?:\$?\{\{[^\n]{0,200}?\}\}|\$\{[^}\n]{0,200}\}|[^\s"'\\;&|()]|\\(?!\r?\n).|"(?:\\.|[^"\\])*"|'[^']*')+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r"""\\(.)|"((?:\\.|[^"\\])*)"|'([^']*)'""", re.DOTALL)
_ASSIGNMENT = re.compile(r"^[ \t]*(?:export|ENV|ARG|readonly)?[ \t]*([A-Za-z_]\w*)=([^\s;&|]*)", re.MULTILINE)
_JSON = re.compile(r'"((?:\\.|[^"\\])*)"')


@dataclass(frozen=True)
class Word:
    """A word of a command, without its quotes, and where it starts in the file (an offset in characters)."""

    text: str
    start: int


def commands_in(text: str, start: int = 0, constants: Mapping[str, str] | None = None) -> Iterator[list[Word]]:
    """Split shell text into commands, and those into words.

    Args:
        text: The text; a backslash at a line's end joins it with the next.
        start: Where it starts in the file.
        constants: Values to write for ``$NAME``.
    """
    words: list[Word] = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "word":
            words.append(Word(_expand(_unquote(match[0]), constants or {}), start + match.start()))
        elif match.lastgroup == "end" and words:
            yield words
            words = []
    if words:
        yield words


def json_words(text: str, start: int) -> list[Word]:
    """Read the words of ``["vllm", "serve"]``, as a Dockerfile writes a command."""
    return [Word(match[1], start + match.start()) for match in _JSON.finditer(text)]


def constants_in(text: str) -> dict[str, str]:
    """Read the variables that a script sets exactly once, to a value that is written out."""
    found: dict[str, list[str]] = {}
    for name, value in _ASSIGNMENT.findall(text):
        found.setdefault(name, []).append(_unquote(value))
    return {name: values[0] for name, values in found.items() if len(values) == 1 and "$" not in values[0]}


def _unquote(text: str) -> str:
    return _QUOTED.sub(lambda match: next((part for part in match.groups() if part is not None), ""), text)


def _expand(text: str, constants: Mapping[str, str]) -> str:
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda match: constants.get(match[1] or match[2], match[0]), text)
