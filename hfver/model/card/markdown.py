"""Escape text from outside for Markdown: in a table cell, a code span, a sentence or a link.

Names, metrics and messages come from folders that strangers may have written. Whatever they hold, they cannot break out
of their place: no new table row or heading, no HTML, and no comment that looks like one of hfver's marks.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, urlsplit

from markupsafe import Markup

__all__ = ["code", "link", "paragraphs", "plain", "sentence", "text"]

MAX_LENGTH = 400
"""Most characters of one value, because people read the card."""

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_MARKDOWN = re.compile(r"([\\`*_\[\]|~!#$])")
_SPAN = re.compile(r"(?<!`)`(?!`)[^`]+`(?!`)")
_BULLET = re.compile(r"(?P<bullet>\s{0,8}[-*+] )?(?P<rest>.*)")
_OPENERS = re.compile(r"^(?=#|>|=|-|\+|\*(?:[ *]|$)|_{3}|~~~|\|)|^(?P<digits>\d{1,9})(?=[.)](?:\s|$))")


def plain(value: object, limit: int = MAX_LENGTH) -> str:
    """Return a value as one line without control characters, shortened to ``limit`` characters."""
    line = " ".join(str(value)[: limit * 8].split())
    line = "".join(char for char in line if char not in _BIDI and unicodedata.category(char) not in _HIDDEN)
    return line if len(line) <= limit else line[: limit - 1] + "…"


_HIDDEN = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})


_PIPE = re.compile(r"(\\*)\|")


def text(value: object) -> Markup:
    """Return a value so that Markdown shows it as it is written."""
    return Markup(_MARKDOWN.sub(r"\\\1", _html(plain(value))))  # noqa: S704 - this is the escaping


def code(value: object) -> Markup:
    """Return a value as a code span that also works in a table."""
    inner = _PIPE.sub(_escape_pipe, plain(value)).replace("<!--", "< !--")
    fence = "`" * (1 + max(map(len, re.findall("`+", inner)), default=0))
    pad = " " if inner.startswith("`") or inner.endswith("`") else ""
    return Markup(f"{fence}{pad}{inner}{pad}{fence}") if inner else Markup("")  # noqa: S704


def _escape_pipe(match: re.Match[str]) -> str:
    # Tables read backslashes in pairs, even in code: a pipe is not a border only after an odd number of them.
    return match[1] + "\\" * (1 + len(match[1]) % 2) + "|"


def sentence(value: object) -> Markup:
    """Return a sentence of hfver's that quotes foreign names: code spans and emphasis work, the rest is plain text."""
    line = plain(value, 2000)
    spans, rest = _SPAN.findall(line), _SPAN.split(line)
    parts = [re.sub(r"([\\`\[\]|])", r"\\\1", _html(part)) for part in rest]
    quoted = [str(code(span[1:-1])).replace(r"\|", "|") for span in spans] + [""]
    joined = "".join(part + span for part, span in zip(parts, quoted, strict=True))
    return Markup(_OPENERS.sub(lambda match: (match["digits"] or "") + "\\", joined))  # noqa: S704


def paragraphs(value: str) -> Markup:
    """Return a message of several lines; its bullets stay bullets, its headings become text."""
    lines = (_BULLET.fullmatch(line.rstrip()) for line in value.strip().splitlines())
    written = (f"{match['bullet'] or ''}{sentence(match['rest'])}" for match in lines if match)
    return Markup(re.sub(r"\n{3,}", "\n\n", "\n".join(written)))  # noqa: S704


def link(label: Markup, url: str | None) -> Markup:
    """Return a link with a label that is already safe, or the label alone if ``url`` is not a web address."""
    if url is None or urlsplit(url).scheme not in ("http", "https"):
        return label
    return Markup(f"[{label}]({quote(plain(url, 2000), safe=':/?#@!$&+,;=%~-._')})")  # noqa: S704


def _html(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
