"""Reading Markdown documents as GitHub does: their headings, and the links that they hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "examples/**/*.md", "tests/fixtures/*.md")
    for path in ROOT.glob(pattern)
)

_FENCE = re.compile(r"^(?P<fence>`{3,})[^\n]*\n.*?^(?P=fence)\s*$\n?", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True)
class Link:
    """A link of a document, and the line that it is on."""

    line: int
    path: str
    anchor: str


def prose(text: str) -> str:
    """Blank out code blocks, keeping the lines."""
    return _FENCE.sub(lambda block: "\n" * block[0].count("\n"), text)


def anchors(text: str) -> set[str]:
    """List the anchors that GitHub gives to the headings: lower case, no punctuation, hyphens for blanks."""
    found: Counter[str] = Counter()
    names = set()
    for heading in re.findall(r"^#{1,6} +(.+?)\s*#*$", prose(text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain, flags=re.UNICODE).strip().replace(" ", "-")
        names.add(f"{slug}-{found[slug]}" if found[slug] else slug)
        found[slug] += 1
    return names | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


def links(text: str) -> Iterator[Link]:
    """List the links to other files and to headings; addresses on the web are left out."""
    for number, line in enumerate(prose(text).splitlines(), 1):
        for found in _LINK.finditer(_hide_code(line)):
            path, _, anchor = found["target"].partition("#")
            if not re.match(r"[a-z][a-z+.-]*:", path):
                yield Link(number, path, anchor)


def _hide_code(line: str) -> str:
    """Blank out inline code, so that what looks like a link in it is none; a link's label may be code."""
    return _CODE.sub(lambda code: "x" * len(code[0]), line)
