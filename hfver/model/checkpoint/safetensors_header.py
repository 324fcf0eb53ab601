"""A strict reader of safetensors headers.

The format (https://huggingface.co/docs/safetensors): eight bytes of little-endian length, a JSON object
``{name: {"dtype", "shape", "data_offsets"}}`` with an optional ``__metadata__`` of strings, then the bytes of all
tensors without holes. Other readers accept overlaps, holes and duplicate names, and two readers could then see two
models in one file. So everything that the format does not allow is refused here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from hfver.core.manifest import load_json

MAX_HEADER = 100_000_000
"""Largest header in bytes, the same as the safetensors library allows."""

MAX_TENSORS = 500_000
"""Most tensors in one file. The largest real files have 100,000, and the limit bounds the memory."""

DTYPE_BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "C64": 64,
    "F64": 64,
    "I64": 64,
    "U64": 64,
}
"""The size of an element of each type, in bits."""

_SPACE = re.compile(r"[ \t\n\r]*+")
_STRING = re.compile(r'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"')
# The entry of a tensor contains no object, and no string that could contain a brace. Bounding its length before it is
# parsed keeps a hostile header of 100 MB from becoming gigabytes of Python lists.
_ENTRY = re.compile(r"\{[^{}]{0,4096}\}")
_LARGEST = 2**63 - 1


class HeaderError(ValueError):
    """The header breaks a rule of the format; the message says which one, and for which tensor."""


class Stream(Protocol):
    """What a header is read from."""

    def read(self, size: int, /) -> bytes | None:
        """Read up to ``size`` bytes; fewer only at the end."""


@dataclass(frozen=True, slots=True)
class Span:
    """The place of one tensor: ``start`` and ``stop`` count bytes from the end of the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Header:
    """A checked header.

    Attributes:
        raw: The first bytes of the file, up to where the tensors begin.
        spans: The tensors in the order of their bytes; together they cover the rest of the file exactly.
    """

    raw: bytes
    spans: tuple[Span, ...]


def read_header(stream: Stream, size: int) -> Header:
    """Read and check the header of a safetensors file.

    Args:
        stream: The file, at its start.
        size: Its size in bytes.

    Raises:
        HeaderError: It is not a safetensors file, or not a sound one.
    """
    raw = _read_raw(stream, size)
    try:
        text = raw[8:].decode("utf-8")
    except UnicodeDecodeError:
        raise HeaderError("its header is not UTF-8") from None
    if not text.startswith("{"):
        raise HeaderError("its header is not a JSON object")
    entries, end = _members(text, 0, _parse_value)
    if end != len(text):
        raise HeaderError("something follows the header's JSON object")
    entries.pop("__metadata__", None)
    spans = tuple(sorted(entries.values(), key=lambda span: (span.start, span.stop)))
    _check_cover(spans, size - len(raw))
    return Header(raw, spans)


def _read_raw(stream: Stream, size: int) -> bytes:
    prefix = stream.read(8) or b""
    if prefix == b"version ":
        raise HeaderError("it is a Git-LFS pointer, not the weights themselves (run: git lfs pull)")
    length = int.from_bytes(prefix, "little")
    if size < 8 or len(prefix) < 8:
        raise HeaderError(f"it ends after {size} bytes, before its header")
    if length > MAX_HEADER:
        raise HeaderError(f"it claims a header of {length} bytes; {MAX_HEADER} are allowed")
    if length > size - 8:
        raise HeaderError(f"it claims a header of {length} bytes, and only {size - 8} follow")
    header = _read_exactly(stream, length)
    return prefix + header


def _read_exactly(stream: Stream, length: int) -> bytes:
    parts, missing = [], length
    while missing:
        part = stream.read(missing)
        if not part:
            raise HeaderError("it ends inside its header")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _members(text: str, at: int, parse: Callable[[str, str, int], tuple[Any, int]]) -> tuple[dict[str, Any], int]:
    """Read a JSON object member by member; ``parse(key, text, at)`` returns a value and where it ends."""
    found: dict[str, Any] = {}
    at = _expect(text, at, "{")
    if text.startswith("}", at):
        return found, _expect(text, at, "}")
    while True:
        key, at = _string(text, at)
        if key in found:
            raise HeaderError(f"it names {_short(key)} twice")
        found[key], at = parse(key, text, _expect(text, at, ":"))
        if len(found) > MAX_TENSORS + 1:
            raise HeaderError(f"it holds more than {MAX_TENSORS} tensors")
        at = _skip(text, at)
        if not text.startswith(",", at):
            return found, _expect(text, at, "}")
        at = _skip(text, at + 1)


def _parse_value(key: str, text: str, at: int) -> tuple[Any, int]:
    if key == "__metadata__":
        return _members(text, at, _parse_metadata)
    match = _ENTRY.match(text, at)
    if not match:
        raise HeaderError(f"the entry of {_short(key)} is not an object that describes a tensor")
    return _span(key, match.group()), match.end()


def _parse_metadata(key: str, text: str, at: int) -> tuple[str, int]:
    if not text.startswith('"', at):
        raise HeaderError(f"the metadata {_short(key)} is not a string")
    return _string(text, at)


def _string(text: str, at: int) -> tuple[str, int]:
    match = _STRING.match(text, at)
    if not match:
        raise HeaderError(f"its header is broken JSON at character {at}")
    try:
        value = str(json.loads(match.group()))
        value.encode()  # JSON can write an unpaired surrogate, which no file can hold
    except ValueError:
        raise HeaderError(f"its header is broken JSON at character {at}") from None
    return value, match.end()


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, what: str) -> int:
    at = _skip(text, at)
    if not text.startswith(what, at):
        raise HeaderError(f"its header is broken JSON at character {at}")
    return _skip(text, at + 1)


def _span(name: str, entry: str) -> Span:
    try:
        raw = load_json(entry.encode(), limit=4 * 4096 + 8)
    except ValueError as error:
        raise HeaderError(f"the entry of {_short(name)} is broken: {error}") from None
    if set(raw) != {"dtype", "shape", "data_offsets"}:
        raise HeaderError(f"the entry of {_short(name)} does not hold exactly dtype, shape and data_offsets")
    dtype, shape, offsets = raw["dtype"], raw["shape"], raw["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise HeaderError(f"{_short(name)} has the unknown type {str(dtype)[:40]!r}")
    if not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        raise HeaderError(f"{_short(name)} has a shape or offsets that are not sizes")
    if offsets[1] - offsets[0] != _nbytes(name, dtype, shape):
        raise HeaderError(f"{_short(name)} has another length than its shape and type say")
    return Span(name, dtype, tuple(shape), offsets[0], offsets[1])


def _are_sizes(value: Any) -> bool:
    # True is an int in Python, but not a size.
    return isinstance(value, list) and all(type(n) is int and 0 <= n <= _LARGEST for n in value)


def _nbytes(name: str, dtype: str, shape: list[int]) -> int:
    bits = DTYPE_BITS[dtype]
    for size in shape:
        bits *= size
        if bits > _LARGEST:
            raise HeaderError(f"{_short(name)} has a shape that overflows")
    if bits % 8:
        raise HeaderError(f"{_short(name)} does not fill whole bytes")
    return bits // 8


def _check_cover(spans: tuple[Span, ...], available: int) -> None:
    end = 0
    for span in spans:
        if span.start != end:
            problem = "overlaps the tensor before it" if span.start < end else "leaves a hole before it"
            raise HeaderError(f"{_short(span.name)} {problem}")
        end = span.stop
    if end > available:
        raise HeaderError(f"its tensors need {end} bytes, and it has {available}: it is truncated")
    if end < available:
        raise HeaderError(f"{available - end} bytes follow the last tensor")


def _short(name: str) -> str:
    return repr(name if len(name) <= 120 else f"{name[:117]}...")
