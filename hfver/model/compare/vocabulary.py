"""What a tokenizer is made of: every token with its id, the merges, and the parts around them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hfver.model.compare.json_values import canon
from hfver.model.compare.pair import View

__all__ = ["CONFIG", "LEGACY", "TOKENIZER", "Vocabulary", "appended", "decoder", "legacy_vocabulary", "vocabulary"]

TOKENIZER = "tokenizer.json"
CONFIG = "tokenizer_config.json"
LEGACY = ("vocab.json", "vocab.txt", "merges.txt", "added_tokens.json")
"""What tokenizers were kept in before tokenizer.json."""
_FLAGS = ("special", "lstrip", "rstrip", "single_word", "normalized")


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer by value.

    Attributes:
        ids: The id of each token.
        weights: The score of each token of a Unigram model, by token.
        flags: How each added token is matched, by token.
        merges: The merges in their order.
        parts: Everything else by name: normalizer, pre_tokenizer, post_processor, model type, …
    """

    ids: Mapping[str, int]
    weights: Mapping[str, Any] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    merges: tuple[str, ...] = ()
    parts: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def taken(self) -> frozenset[int]:
        """All ids."""
        return frozenset(self.ids.values())


def vocabulary(view: View) -> Vocabulary | None:
    """Read tokenizer.json; None if there is none, or it is none."""
    raw = view.json(TOKENIZER)
    model = raw.get("model") if isinstance(raw, dict) else None
    if not isinstance(model, dict):
        return None
    added = [token for token in _rows(raw.get("added_tokens")) if isinstance(token.get("content"), str)]
    ids = dict(_vocab(model.get("vocab"))) | dict(_added(added))
    return Vocabulary(
        ids=ids,
        weights=dict(_scores(model.get("vocab"))),
        flags={token["content"]: canon({flag: bool(token.get(flag)) for flag in _FLAGS}) for token in added},
        merges=tuple(_merge(merge) for merge in model.get("merges") or ()) if _is_list(model.get("merges")) else (),
        parts=_parts(raw, model),
    )


def _parts(raw: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    skipped = ("added_tokens", "model")
    parts = {key: value for key, value in raw.items() if key not in skipped}
    return parts | {"model": {key: value for key, value in model.items() if key not in ("vocab", "merges")}}


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _rows(value: Any) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _added(rows: list[dict[str, Any]]) -> Iterator[tuple[str, int]]:
    for row in rows:
        if type(row.get("id")) is int:
            yield row["content"], row["id"]


def _vocab(value: Any) -> Iterator[tuple[str, int]]:
    """Read a vocabulary: an object of ids, or a Unigram model's list of (token, score)."""
    if isinstance(value, dict):
        yield from ((token, number) for token, number in value.items() if type(number) is int)
    elif isinstance(value, list):
        yield from ((str(row[0]), number) for number, row in enumerate(value) if isinstance(row, list) and row)


def _scores(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        yield from ((str(row[0]), row[1]) for row in value if isinstance(row, list) and len(row) > 1)


def _merge(value: Any) -> str:
    """Older files hold ``"a b"``, newer ones ``["a", "b"]``."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def legacy_vocabulary(view: View, path: str) -> Vocabulary | None:
    """Read vocab.json, added_tokens.json, vocab.txt or merges.txt; None if it cannot be read."""
    if path.endswith(".json"):
        raw = view.json(path)
        return Vocabulary(dict(_vocab(raw))) if isinstance(raw, dict) else None
    data = view.text(path)
    if data is None:
        return None
    lines = data.decode(errors="replace").replace("\r\n", "\n").removesuffix("\n").split("\n")
    if path.endswith("merges.txt"):
        return Vocabulary({}, merges=tuple(line for line in lines if line and not line.startswith("#version")))
    return Vocabulary({token: number for number, token in enumerate(lines)})


def decoder(view: View) -> dict[str, tuple[int, str]]:
    """Read the added tokens of tokenizer_config.json: id and flags by token."""
    held = view.object(CONFIG).get("added_tokens_decoder")
    rows = held.items() if isinstance(held, dict) else ()
    return {
        row["content"]: (int(number), json.dumps({k: v for k, v in row.items() if v is not False}, sort_keys=True))
        for number, row in rows
        if isinstance(row, dict) and isinstance(row.get("content"), str) and re.fullmatch(r"\d{1,12}", number)
    }


def appended(old: Vocabulary, new: Vocabulary) -> list[str]:
    """Name the tokens that came, by id."""
    return sorted(new.ids.keys() - old.ids.keys(), key=lambda token: (new.ids[token], token))
