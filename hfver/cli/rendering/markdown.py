"""Markdown for people: in a terminal as plain text, anywhere else as it is."""

from __future__ import annotations

import html
import re
import sys

from hfver.cli.rendering.basics import shown

__all__ = ["as_plain_text", "print_markdown"]

_CODE = re.compile(r"(?<!`)(?P<fence>`+)(?!`)(?P<code>.+?)(?<!`)(?P=fence)(?!`)")
# CommonMark: a backslash before ASCII punctuation makes it literal, and is itself not shown.
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def print_markdown(text: str) -> None:
    """Print Markdown: in a terminal without its escapes; in a pipe or a file unchanged, so that it stays Markdown."""
    sys.stdout.write(shown(as_plain_text(text) if sys.stdout.isatty() else text))


def as_plain_text(text: str) -> str:
    """Remove the escapes that only make sense to a Markdown renderer; code is left as it is."""
    lines, fenced = [], False
    for line in text.splitlines(keepends=True):
        fence = line.lstrip().startswith("```")
        lines.append(line if fenced or fence else _unescaped(line))
        fenced = fenced != fence
    return "".join(lines)


def _unescaped(line: str) -> str:
    parts, end = [], 0
    for span in _CODE.finditer(line):
        # A table needs the escape before a pipe even in code.
        code = span[0].replace("\\|", "|") if line.startswith("|") else span[0]
        parts += [_unescaped_text(line[end : span.start()]), code]
        end = span.end()
    return "".join([*parts, _unescaped_text(line[end:])])


def _unescaped_text(text: str) -> str:
    return html.unescape(_ESCAPE.sub(r"\1", text))
