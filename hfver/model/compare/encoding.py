"""Trying two tokenizers on the fixed texts, in a child process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hfver.model.compare.pair import Pair
from hfver.model.compare.probe_texts import TEXTS
from hfver.model.compare.tokenizer_process import ask
from hfver.model.compare.vocabulary import TOKENIZER

__all__ = ["Encoded", "encode"]


SECONDS = 60.0
"""Time that both may take; the largest tokenizers load in 3 s."""


@dataclass(frozen=True)
class Encoded:
    """What the tokenizers library makes of a tokenizer.json: its parts with every default, and the texts' ids."""

    parts: Mapping[str, Any]
    ids: tuple[Any, ...]


def encode(pair: Pair) -> tuple[Encoded, Encoded] | None:
    """Load both tokenizers and try the texts; None if one cannot be loaded, or the library is not installed."""
    sources = [view.text(TOKENIZER) for view in (pair.before, pair.after)]
    texts = [source.decode(errors="replace") for source in sources if source is not None]
    answer = ask("tokenizers", json.dumps({"sources": texts, "texts": TEXTS}), SECONDS) if len(texts) == 2 else None
    if not isinstance(answer, list) or len(answer) != 2:
        return None
    one, other = (Encoded(side["parts"], tuple(side["ids"])) for side in answer)
    return one, other
