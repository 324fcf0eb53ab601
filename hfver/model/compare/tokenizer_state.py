"""A tokenizer by value: every token with its id, the merges, and the parts around them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hfver.model.checkpoint.tokenizer_files import TOKENIZER_FILES
from hfver.model.compare.json_values import canonical
from hfver.model.compare.pair import Pair, ParsedSide

__all__ = [
    "CONFIG",
    "LEGACY",
    "SPECIAL",
    "TOKENIZER",
    "TokenizerState",
    "added_tokenizer",
    "added_tokens_decoder",
    "appended_tokens",
    "read_legacy_tokenizer",
    "read_tokenizer",
]

TOKENIZER = "tokenizer.json"
CONFIG = "tokenizer_config.json"
SPECIAL = "special_tokens_map.json"
LEGACY = ("vocab.json", "vocab.txt", "merges.txt", "added_tokens.json")
"""The files of tokenizers from before tokenizer.json."""
_FLAGS = ("special", "lstrip", "rstrip", "single_word", "normalized")


def added_tokenizer(pair: Pair) -> tuple[str, ...]:
    """Return the files of a tokenizer that was added where there was none at all; empty in any other case."""
    names = (*TOKENIZER_FILES, *LEGACY)
    if any(name in pair.before.files for name in names):
        return ()
    return tuple(name for name in dict.fromkeys(names) if name in pair.after.files)


@dataclass(frozen=True)
class TokenizerState:
    """Everything that determines how a tokenizer works.

    Attributes:
        ids: The id of each token.
        scores: The score of each token, in a Unigram model.
        flags: How each added token is matched.
        merges: The merges, in order.
        parts: Everything else by name: normalizer, pre_tokenizer, post_processor, the model's settings, …
    """

    ids: Mapping[str, int]
    scores: Mapping[str, Any] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    merges: tuple[str, ...] = ()
    parts: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def used_ids(self) -> frozenset[int]:
        """The ids that belong to a token."""
        return frozenset(self.ids.values())


def read_tokenizer(side: ParsedSide) -> TokenizerState | None:
    """Read tokenizer.json; None if it does not exist or holds no tokenizer."""
    raw = side.json(TOKENIZER)
    model = raw.get("model") if isinstance(raw, dict) else None
    if not isinstance(model, dict):
        return None
    added = [token for token in _rows(raw.get("added_tokens")) if isinstance(token.get("content"), str)]
    ids = dict(_vocab(model.get("vocab"))) | dict(_added(added))
    return TokenizerState(
        ids=ids,
        scores=dict(_scores(model.get("vocab"))),
        flags={token["content"]: canonical({flag: bool(token.get(flag)) for flag in _FLAGS}) for token in added},
        merges=tuple(_merge(merge) for merge in model.get("merges") or ()) if _is_list(model.get("merges")) else (),
        parts=_parts(raw, model),
    )


def _parts(raw: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    # Tokens, scores and merges are compared one by one, the rest part by part.
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
    """Yield tokens and ids, from an object or from a Unigram model's list of (token, score)."""
    # Hostile files have True and 1.0 in place of ids, and isinstance would let True pass.
    if isinstance(value, dict):
        yield from ((token, number) for token, number in value.items() if type(number) is int)
    elif isinstance(value, list):
        yield from ((str(row[0]), number) for number, row in enumerate(value) if isinstance(row, list) and row)


def _scores(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        yield from ((str(row[0]), row[1]) for row in value if isinstance(row, list) and len(row) > 1)


def _merge(value: Any) -> str:
    """Return a merge in the form of older files, ``"a b"``; newer ones have ``["a", "b"]``."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def read_legacy_tokenizer(side: ParsedSide, path: str) -> TokenizerState | None:
    """Read vocab.json, added_tokens.json, vocab.txt or merges.txt; None if it cannot be read."""
    if path.endswith(".json"):
        raw = side.json(path)
        return TokenizerState(dict(_vocab(raw))) if isinstance(raw, dict) else None
    data = side.content(path)
    if data is None:
        return None
    # The line number is the id, so an empty line in the middle counts and the last line break does not.
    lines = data.decode(errors="replace").replace("\r\n", "\n").removesuffix("\n").split("\n")
    if path.endswith("merges.txt"):
        return TokenizerState({}, merges=tuple(line for line in lines if line and not line.startswith("#version")))
    return TokenizerState({token: number for number, token in enumerate(lines)})


def added_tokens_decoder(side: ParsedSide) -> dict[str, tuple[int, str]]:
    """Return id and flags of each added token in tokenizer_config.json."""
    held = side.object(CONFIG).get("added_tokens_decoder")
    rows = held.items() if isinstance(held, dict) else ()
    return {
        row["content"]: (int(number), json.dumps({k: v for k, v in row.items() if v is not False}, sort_keys=True))
        for number, row in rows
        if isinstance(row, dict) and isinstance(row.get("content"), str) and re.fullmatch(r"\d{1,12}", number)
    }


def appended_tokens(old: TokenizerState, new: TokenizerState) -> list[str]:
    """Return the tokens that are new, sorted by id."""
    return sorted(new.ids.keys() - old.ids.keys(), key=lambda token: (new.ids[token], token))
