"""Plain values from files that nobody vouches for: parsed within bounds, compared by meaning, shown in short."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

MAX_JSON = 64 * 1024 * 1024
"""Largest JSON file that is parsed, in bytes; the largest tokenizers have 35 MB."""

_MAX_DEPTH = 48
_MAX_SHOWN = 160
_WHOLE = ("id2label", "label2id")
"""Objects whose entries only mean something together."""


class _Absent:
    """The value of a setting that is not there."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = _Absent()


def parse_json(data: bytes) -> Any:
    """Parse JSON as libraries read it: NaN and Infinity are values (transformers 4 wrote them).

    Raises:
        ValueError: It is too large, too deep, no UTF-8, no JSON, or names a key twice.
    """
    if len(data) > MAX_JSON:
        raise ValueError(f"{len(data)} bytes are more than the {MAX_JSON} that are read")
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_constant)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check_depth(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("it names a key twice")
    return result


def _constant(name: str) -> dict[str, str]:
    return {"__float__": name}  # as transformers 5 writes it


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > _MAX_DEPTH:
            raise ValueError("it is nested too deeply")
        level = [inner for outer in level for inner in _inside(outer)]


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def canon(value: Any) -> str:
    """Spell a value so that equal spellings are equal values: order of keys, and 1 or 1.0, do not count."""
    if value is ABSENT:
        return ""
    return json.dumps(_normal(value), sort_keys=True)


def same(one: Any, other: Any) -> bool:
    """Tell whether two values mean the same."""
    return canon(one) == canon(other)


def _normal(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _normal(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def is_empty(value: Any) -> bool:
    """Tell whether a setting says nothing: absent, null, false, empty, or only such within."""
    if isinstance(value, dict):
        return all(is_empty(inner) for inner in value.values())
    return value is ABSENT or value is None or value is False or value == "" or value == []


def flatten(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting by its dotted path; lists, labels and empty objects are values of their own."""
    for key, inner in value.items():
        path = f"{prefix}{key}"
        if isinstance(inner, dict) and inner and key not in _WHOLE:
            yield from flatten(inner, f"{path}.")
        else:
            yield path, inner


def brief(value: Any) -> Any:
    """Return a short value that any JSON or terminal can show."""
    if value is ABSENT or value is None:
        return None
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    text = value if isinstance(value, str) else _spelled(value)
    if not isinstance(value, str) and len(text) <= _MAX_SHOWN and text.isprintable():
        return value
    return shown(text)


def _spelled(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:  # an integer of thousands of digits
        return "a value too long to show"


def shown(text: str, limit: int = _MAX_SHOWN) -> str:
    """Spell text for people: no control characters, no half surrogates, not too long."""
    text = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return text if text.isprintable() else repr(text)[1:-1].encode(errors="backslashreplace").decode()
