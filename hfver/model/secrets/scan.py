"""Find the secrets in one file: block by block, with memory and time that grow only with the file's size."""

from __future__ import annotations

import codecs
import hashlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from re import Pattern
from types import ModuleType

__all__ = ["SecretMatch", "SecretScanner", "find_secrets", "scan_texts", "scanner_id"]

BLOCK = 1024 * 1024
"""Characters that are searched together."""
STEP = 4096
"""Characters that a pattern sees at once, which bounds the time that a pattern can lose to backtracking."""
REACH = 1024
"""Characters beyond the end of a step that a secret which begins in the step may extend to."""
HEAD = 8192
"""Bytes at the start of a file that decide whether it is text, and in which encoding."""
_AFTER_HEADING = 256
"""Characters after a heading, such as that of a private key, that its fingerprint covers."""
_ALGORITHM = 1
"""Raised when the search itself changes, so that verdicts of the old search are not reused."""

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class SecretMatch:
    """Where a secret is in a file, and of which kind it is. It holds nothing of the secret itself.

    Attributes:
        line: Its line, counted from 1.
        kind: The name that detect-secrets gives to the kind, such as ``AWS Access Key``.
        fingerprint: 16 hex digits of a SHA-256 that distinguishes it from other secrets.
    """

    line: int
    kind: str
    fingerprint: str


class SecretScanner:
    """Searches the bytes of one file, which may arrive in portions of any size.

    A binary file is not searched. ``feed`` takes the bytes in order; ``finish`` returns each secret once, with the
    line of its first occurrence.
    """

    def __init__(self) -> None:
        self._head = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._binary = False
        self._text = ""
        self._line = 1
        self._found: dict[tuple[str, str], SecretMatch] = {}

    def feed(self, data: bytes | memoryview) -> None:
        """Search the next bytes of the file."""
        if self._binary:
            return
        if self._decoder is None:
            self._head += data
            if len(self._head) >= HEAD:
                self._start()
        else:
            self._search(self._decoder.decode(data))

    def finish(self) -> tuple[SecretMatch, ...]:
        """Search what is left and return all secrets of the file."""
        if self._decoder is None and not self._binary:
            self._start()
        if self._decoder is not None:
            self._search(self._decoder.decode(b"", final=True))
            self._note(self._text, len(self._text))
        return tuple(self._found.values())

    def _start(self) -> None:
        head, self._head = self._head, b""
        encoding = _encoding(head[:HEAD])
        if encoding is None:
            self._binary = True
            return
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._search(self._decoder.decode(head))

    def _search(self, text: str) -> None:
        self._text += text
        # A secret that begins in the last stretch may extend into the next block, so it is found there.
        while len(self._text) > BLOCK + REACH:
            self._note(self._text[: BLOCK + REACH], BLOCK)
            self._line += self._text.count("\n", 0, BLOCK)
            self._text = self._text[BLOCK:]

    def _note(self, text: str, end: int) -> None:
        for at, kind, evidence in _matches(text, end):
            digest = hashlib.sha256(f"{kind}\0{evidence}".encode("utf-8", "replace")).hexdigest()
            match = SecretMatch(self._line + text.count("\n", 0, at), kind, digest[:16])
            self._found.setdefault((kind, match.fingerprint), match)


def find_secrets(content: bytes) -> tuple[SecretMatch, ...]:
    """Find the secrets in a text, each once; none in binary data."""
    scanner, view = SecretScanner(), memoryview(content)
    for start in range(0, len(view), BLOCK):  # all at once would copy what is left for every block
        scanner.feed(view[start : start + BLOCK])
    return scanner.finish()


def scan_texts(texts: Mapping[str, bytes]) -> dict[str, tuple[SecretMatch, ...]]:
    """Find the secrets in several texts, by their paths."""
    return {path: find_secrets(content) for path, content in texts.items()}


@cache
def scanner_id() -> str:
    """Identify the search, so that a stored verdict can be tied to it.

    It changes when a detector is added or its pattern changes, for example with another version of detect-secrets.
    """
    parts = [(kind, pattern.pattern, pattern.flags) for kind, pattern in _patterns()]
    return hashlib.sha256(repr((_ALGORITHM, BLOCK, STEP, REACH, parts)).encode()).hexdigest()[:32]


def _encoding(head: bytes) -> str | None:
    """Choose the encoding of a text, or None for binary data.

    Every secret is ASCII, so Latin-1 reads the secrets of any text without a byte order mark.
    """
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    return None if b"\0" in head else "latin-1"


@cache
def _patterns() -> tuple[tuple[str, Pattern[str]], ...]:
    return tuple((one.secret_type, pattern) for one in _detectors().detectors() for pattern in one.denylist)


def _detectors() -> ModuleType:
    """Import the detectors: that takes 0.3 s, and only a scan needs them."""
    show = warnings.showwarning
    from hfver.model.secrets import detectors

    # Importing detect-secrets redirects the warnings of the whole process to logging, where nobody sees them.
    if warnings.showwarning is not show:
        logging.captureWarnings(False)
    return detectors


def _matches(text: str, end: int) -> Iterator[tuple[int, str, str]]:
    """Find what begins before ``end``: its position, its kind, and the text that distinguishes it."""
    headings = _detectors().HEADINGS
    for start in range(0, end, STEP):
        stop = min(start + STEP, end)
        for kind, pattern in _patterns():
            for match in pattern.finditer(text, start, stop + REACH):
                if match.start() < stop:
                    after = _AFTER_HEADING if kind in headings else 0
                    yield match.start(), kind, text[match.start() : match.end() + after]
