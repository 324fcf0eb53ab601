"""Values from untrusted JSON files: parsed within bounds, compared by meaning, abbreviated for display."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

MAX_JSON = 64 * 1024 * 1024
"""Size of the largest JSON file that is parsed, in bytes; the largest tokenizers known have 35 MB."""

# Real configs nest four or five levels; the limit protects the functions below that walk values recursively.
_MAX_DEPTH = 48
_MAX_SHOWN = 160
_WHOLE = ("id2label", "label2id")
"""Objects that are compared as one value: their entries only have a meaning together."""


class _Absent:
    """The value of a setting that is not there; None would be JSON's null."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = _Absent()


def parse_json(data: bytes) -> Any:
    """Parse JSON as the model libraries do: NaN and Infinity, which transformers 4 wrote, are values.

    Raises:
        ValueError: The file is too large, nested too deeply, not UTF-8 or not JSON, or contains a key twice.
    """
    if len(data) > MAX_JSON:
        raise ValueError(f"it has {len(data)} bytes; at most {MAX_JSON} are read")
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_constant)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check_depth(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Parsers disagree on which of two equal keys wins, so such a file has no single meaning.
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("it contains a key twice")
    return result


def _constant(name: str) -> dict[str, str]:
    return {"__float__": name}  # as transformers 5 writes it


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > _MAX_DEPTH:
            raise ValueError("it is nested too deeply")
        level = [inner for outer in level for inner in _children(outer)]


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def canonical(value: Any) -> str:
    """Serialize a value so that equal values have equal text, whatever the order of keys; 1 equals 1.0."""
    if value is ABSENT:
        return ""
    return json.dumps(_normalized(value), sort_keys=True)


def same_value(one: Any, other: Any) -> bool:
    """Return whether two values mean the same."""
    return canonical(one) == canonical(other)


def _normalized(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _normalized(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_normalized(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def is_empty(value: Any) -> bool:
    """Return whether a setting has no content: absent, null, false, an empty value, or an object of such values."""
    if isinstance(value, dict):
        return all(is_empty(inner) for inner in value.values())
    return value is ABSENT or value is None or value is False or value == "" or value == []


def flatten(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting with its dotted path; lists, label maps and empty objects are not taken apart."""
    for key, inner in value.items():
        path = f"{prefix}{key}"
        if isinstance(inner, dict) and inner and key not in _WHOLE:
            yield from flatten(inner, f"{path}.")
        else:
            yield path, inner


def brief(value: Any) -> Any:
    """Abbreviate a value so that any JSON reader and any terminal can show it; ``ABSENT`` becomes None."""
    if value is ABSENT or value is None:
        return None
    # JavaScript and many databases cannot hold larger integers.
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    text = value if isinstance(value, str) else _serialized(value)
    if not isinstance(value, str) and len(text) <= _MAX_SHOWN and text.isprintable():
        return value
    return printable(text)


def _serialized(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # Python refuses to convert integers of thousands of digits
        return "a value too long to show"


def printable(text: str, limit: int = _MAX_SHOWN) -> str:
    """Make text safe to show: control characters and lone surrogates escaped, shortened to ``limit`` characters."""
    text = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return text if text.isprintable() else repr(text)[1:-1].encode(errors="backslashreplace").decode()
