"""Split shell text into commands and words, each word with its offset in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Command", "ShellWord", "commands_in", "constants_in", "json_words"]

# A word is a run of, in this order: ${{ x }} and {{ x }} of templates, ${x}, plain characters, an escaped character,
# and quoted strings. The lengths of templates are bounded so that unclosed ones do not make matching quadratic.
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
_JSON_STRING = re.compile(r'"((?:\\.|[^"\\])*)"')


@dataclass(frozen=True)
class ShellWord:
    """A word of a command.

    Attributes:
        text: The word without its quotes, and with the values of known variables.
        start: Where it starts in the file, in characters.
    """

    text: str
    start: int


@dataclass(frozen=True)
class Command:
    """A command, or the arguments that a container is started with.

    Attributes:
        words: Its words.
        server: The container image, or the server's name, that the words are arguments of; empty for a command.
    """

    words: Sequence[ShellWord]
    server: str = ""


def commands_in(text: str, start: int = 0, constants: Mapping[str, str] | None = None) -> Iterator[list[ShellWord]]:
    """Split shell text into commands, and those into words.

    Args:
        text: The text. A backslash at the end of a line joins it with the next.
        start: Offset of the text in the file.
        constants: Variables with known values, which replace ``$NAME``.
    """
    words: list[ShellWord] = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "word":
            words.append(ShellWord(_expand(_unquote(match[0]), constants or {}), start + match.start()))
        elif match.lastgroup == "end" and words:
            yield words
            words = []
    if words:
        yield words


def json_words(text: str, start: int) -> list[ShellWord]:
    """Return the words of a command written as a JSON list, as a Dockerfile's exec form is: ``["vllm", "serve"]``."""
    return [ShellWord(match[1], start + match.start()) for match in _JSON_STRING.finditer(text)]


def constants_in(text: str) -> dict[str, str]:
    """Return the variables that a script sets exactly once, to a literal value."""
    values: dict[str, list[str]] = {}
    for name, value in _ASSIGNMENT.findall(text):
        values.setdefault(name, []).append(_unquote(value))
    return {name: given[0] for name, given in values.items() if len(given) == 1 and "$" not in given[0]}


def _unquote(text: str) -> str:
    return _QUOTED.sub(lambda match: next((part for part in match.groups() if part is not None), ""), text)


def _expand(text: str, constants: Mapping[str, str]) -> str:
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda match: constants.get(match[1] or match[2], match[0]), text)
