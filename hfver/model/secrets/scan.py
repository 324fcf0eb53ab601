"""Scan: every text of a release, block by block, in memory and time that grow with nothing but its size."""

from __future__ import annotations

import codecs
import hashlib
import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from hfver.errors import BadCheckpoint, SecretFound

__all__ = ["Finding", "find_secrets", "refuse_secrets"]

BLOCK = 1024 * 1024
"""Characters that are read at once."""
STEP = 4096
"""Characters that a pattern sees at once: one that backtracks cannot do so over more."""
REACH = 1024
"""Characters beyond a step that a secret that begins in it may go on."""
HEAD = 8192
MAX_HEADER = 100_000_000
MOST_SHOWN = 10

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Finding:
    """A secret: where it stands and of which kind it is. It holds nothing of the secret itself.

    Attributes:
        path: The file.
        line: Its line, counted from 1.
        kind: What detect-secrets calls it, such as ``AWS Access Key``.
        fingerprint: 16 hex digits of a SHA-256 that tells it from other secrets.
    """

    path: str
    line: int
    kind: str
    fingerprint: str

    @property
    def entry(self) -> str:
        """How a policy allows it."""
        return f"{self.path}:{self.fingerprint}"


def refuse_secrets(sources: Mapping[str, Path | bytes], allowed: Collection[str] = ()) -> None:
    """Refuse files that hold a secret.

    Args:
        sources: Path in the release to a file, or to the bytes themselves. Weights are not read, but for the
            headers of safetensors files; other binary files are not read.
        allowed: Findings that are none, as ``path:fingerprint``.

    Raises:
        SecretFound: There is one that is not allowed. It is named, never shown.
        BadCheckpoint: A file cannot be read.
    """
    findings = [one for path, source in sorted(sources.items()) for one in find_secrets(path, source)]
    found = [one for one in findings if one.entry not in allowed]
    if found:
        raise SecretFound(_message(found), _hint(found, allowed))


def find_secrets(path: str, source: Path | bytes) -> tuple[Finding, ...]:
    """Find the secrets in one file, each once."""
    found: dict[str, Finding] = {}
    try:
        with _open(source) as stream:
            for one in _in_stream(path, stream):
                found.setdefault(f"{one.kind} {one.fingerprint}", one)
    except OSError as error:
        raise BadCheckpoint(f"{path} cannot be read: {error.strerror or error}.") from None
    return tuple(found.values())


def _open(source: Path | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _in_stream(path: str, stream: BinaryIO) -> Iterator[Finding]:
    if path.endswith(".safetensors"):
        length = int.from_bytes(stream.read(8), "little")
        stream = io.BytesIO(stream.read(min(length, MAX_HEADER)))
    head = stream.read(HEAD)
    stream.seek(-len(head), io.SEEK_CUR)
    encoding = _encoding(head)
    if encoding is None:
        return
    with io.TextIOWrapper(stream, encoding, errors="replace", newline="") as text:
        yield from _in_text(path, text)


def _encoding(head: bytes) -> str | None:
    """Tell how to read a text; None for what is none. Every secret is ASCII, so Latin-1 reads it in all the others."""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    return None if b"\0" in head else "latin-1"


def _in_text(path: str, text: TextIO) -> Iterator[Finding]:
    held, line = text.read(BLOCK + REACH), 1
    while held:
        more = text.read(BLOCK)
        # What begins in the last stretch may go on in the next block, and is found there.
        end = len(held) - (REACH if more else 0)
        for at, kind, evidence in _matches(held, end):
            digest = hashlib.sha256(f"{kind}\0{evidence}".encode("utf-8", "replace")).hexdigest()
            yield Finding(path, line + held.count("\n", 0, at), kind, digest[:16])
        line += held.count("\n", 0, end)
        held = held[end:] + more if more else ""


def _matches(text: str, end: int) -> Iterator[tuple[int, str, str]]:
    """Find what begins before ``end``: its place, its kind, and what tells it from others of its kind."""
    from hfver.model.secrets.detectors import HEADINGS, detectors

    patterns = [(one.secret_type, pattern) for one in detectors() for pattern in one.denylist]
    for start in range(0, end, STEP):
        stop = min(start + STEP, end)
        for kind, pattern in patterns:
            for match in pattern.finditer(text, start, stop + REACH):
                if match.start() < stop:
                    yield match.start(), kind, text[match.start() : match.end() + (256 if kind in HEADINGS else 0)]


def _message(found: list[Finding]) -> str:
    lines = [f"\n  {one.path}, line {one.line}: {one.kind}" for one in found[:MOST_SHOWN]]
    more = f"\n  and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    return "The release would publish a secret; nothing was written." + "".join(lines) + more


def _hint(found: Iterable[Finding], allowed: Collection[str]) -> str:
    entries = sorted({*allowed, *(one.entry for one in found)})
    listed = ", ".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    return (
        "Take it out of the file, and revoke it where it was made. If it is no secret, say so in hfver.toml:\n"
        f"[secrets]\nallow = [{listed}]"
    )
