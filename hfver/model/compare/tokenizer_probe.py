"""Read two tokenizer.json with the tokenizers library, in the sandbox, and encode the fixed texts with both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hfver.model.compare.pair import Pair
from hfver.model.compare.probe_texts import TEXTS
from hfver.model.compare.sandbox import run_job
from hfver.model.compare.tokenizer_state import TOKENIZER

__all__ = ["SECONDS", "TokenizerProbe", "probe_tokenizers"]


SECONDS = 60.0
"""Time limit for both tokenizers; the largest ones load in 3 s."""


@dataclass(frozen=True)
class TokenizerProbe:
    """How the tokenizers library understands a tokenizer.json.

    Attributes:
        parts: Its parts, with every default spelled out.
        ids: The ids of each of the fixed texts.
    """

    parts: Mapping[str, Any]
    ids: tuple[Any, ...]


def probe_tokenizers(pair: Pair) -> tuple[TokenizerProbe, TokenizerProbe] | None:
    """Load both tokenizer.json with the tokenizers library.

    Returns:
        What it understood, before and after; None if a file cannot be loaded or the library is not installed.
    """
    contents = [side.content(TOKENIZER) for side in (pair.before, pair.after)]
    sources = [content.decode(errors="replace") for content in contents if content is not None]
    # The sandbox cannot fetch what is missing.
    if len(sources) != 2:
        return None
    answer = run_job("tokenizers", json.dumps({"sources": sources, "texts": TEXTS}), SECONDS)
    if not isinstance(answer, list) or len(answer) != 2:
        return None
    one, other = (TokenizerProbe(side["parts"], tuple(side["ids"])) for side in answer)
    return one, other
