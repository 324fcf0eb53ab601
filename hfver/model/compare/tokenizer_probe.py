"""Load two tokenizers in the sandbox and encode the fixed texts with both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hfver.model.compare.json_values import ABSENT
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.probe_texts import TEXTS
from hfver.model.compare.sandbox import run_job
from hfver.model.compare.tokenizer_state import CONFIG, LEGACY, TOKENIZER

__all__ = ["TokenizerProbe", "ids_differ_when_loaded", "probe_tokenizers"]


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


def ids_differ_when_loaded(pair: Pair) -> bool | None:
    """Load both tokenizers with transformers, and return whether any of the fixed texts gets different ids.

    The class and the flags in tokenizer_config.json take effect only this way. None if they cannot be loaded.
    """
    sides = [_loadable_files(side) for side in (pair.before, pair.after)]
    if not all(sides):
        return None
    answer = run_job("loaded", json.dumps({"sides": sides, "texts": TEXTS}))
    return answer[0] != answer[1] if isinstance(answer, list) and len(answer) == 2 else None


def _loadable_files(side: ParsedSide) -> dict[str, str]:
    """Return the files that a tokenizer is loaded from, without anything that names code; empty if some are missing."""
    found: dict[str, str] = {}
    if side.problem(CONFIG):
        return found
    for path in (TOKENIZER, *LEGACY, "special_tokens_map.json"):
        if path in side.files:
            data = side.content(path)
            if data is None:
                return {}
            found[path] = data.decode(errors="replace")
    settings = {key: value for key, value in side.object(CONFIG).items() if key != "auto_map" and key[0:1] != "_"}
    settings.pop("chat_template", None)
    found[CONFIG] = json.dumps(settings)
    # AutoTokenizer chooses the class by the model's type where the settings name none.
    kind = side.object("config.json").get("model_type", ABSENT)
    return found | ({"config.json": json.dumps({"model_type": kind})} if isinstance(kind, str) else {})
