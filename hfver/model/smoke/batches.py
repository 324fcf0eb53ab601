"""Encoding the fixed texts, running them as padded batches, and comparing padded with unpadded results."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hfver.model.runtime import LoadedModel
from hfver.model.runtime.device import import_torch
from hfver.model.smoke.check import CheckFailed
from hfver.model.smoke.fixed_texts import SENTENCES
from hfver.model.smoke.token_ids import embedding_rows

MAX_TOKENS = 128
"""The most tokens per text: keeps the logits of a 256k vocabulary below 300 MB in bfloat16."""
DEFAULT_CONTEXT = 2048
"""The context assumed for models whose config sets no limit, such as those with relative positions or recurrence."""
STRIDE = 7919
"""A prime, to spread made-up ids over the whole vocabulary."""
TOLERANCE = {"float64": 3e-4, "float32": 3e-4, "float16": 1e-3, "bfloat16": 2.5e-3}
"""The largest distance between the results of one text, alone and in a padded batch: mean difference in standard
deviations of the result. Measured on a CPU with untrained two-layer models of 13 architectures: at most 7e-8 in
float32, 5e-5 in float16 and 2e-4 in bfloat16, and at least 1.4e-3 where an encoder got no mask. In a larger
set healthy models had at most 1.2e-4 in float16 and 9e-4 in bfloat16, and encoders that ignored the mask at least 4e-3
in both. The limits have not been calibrated on GPUs and on deep models yet."""
INVISIBLE = 1e-6
"""The distance, in standard deviations, below which a difference is float32's rounding."""


@dataclass(frozen=True)
class PaddedBatch:
    """Texts as padded token ids on the model's device."""

    ids: Any
    """int64 [texts, tokens]"""
    mask: Any
    """int64 [texts, tokens]: 1 for a token, 0 for padding."""

    @property
    def lengths(self) -> list[int]:
        """The number of tokens of each text."""
        return [int(length) for length in self.mask.sum(dim=1)]

    @property
    def inputs(self) -> dict[str, Any]:
        """The model's keyword arguments."""
        return {"input_ids": self.ids, "attention_mask": self.mask}


def encode_sentences(loaded: LoadedModel) -> list[list[int]]:
    """Encode the fixed English sentences with their special tokens.

    Ids are made up where there is no tokenizer, or where it drops every letter of a sentence because it knows none.
    """
    encoded = [[] if loaded.tokenizer is None else encode_truncated(loaded, text) for text in SENTENCES]
    return [ids or _made_up(loaded, number) for number, ids in enumerate(encoded)]


def _made_up(loaded: LoadedModel, number: int) -> list[int]:
    """Return ids that are different, and of a different count, for each text."""
    rows = embedding_rows(loaded.model) or 1
    return [(number + 1) * step * STRIDE % rows for step in range(1, 9 + number)]


def encode_truncated(loaded: LoadedModel, text: str) -> list[int]:
    """Encode a text with its special tokens, cut to what fits the model with room to spare."""
    tokenizer: Any = loaded.tokenizer
    limit = min(MAX_TOKENS, context_length(loaded.model) // 2)
    ids: list[int] = tokenizer.encode(text, special=True, limit=limit)
    return ids


def context_length(model: Any) -> int:
    """Return the number of tokens that the model can take; `DEFAULT_CONTEXT` if the config sets no limit."""
    config = getattr(model, "config", None)
    settings = config.get_text_config() if config is not None and hasattr(config, "get_text_config") else config
    limit = int(getattr(settings, "max_position_embeddings", None) or DEFAULT_CONTEXT)
    return limit if limit > 0 else DEFAULT_CONTEXT  # XLNet's config says -1: no limit


def pad(loaded: LoadedModel, texts: Sequence[Sequence[int]]) -> PaddedBatch:
    """Pad texts on the right, with an id that the mask hides."""
    torch = import_torch()
    filler = _pad_id(loaded)
    width = max(len(text) for text in texts)
    ids = [[*text, *[filler] * (width - len(text))] for text in texts]
    mask = [[1] * len(text) + [0] * (width - len(text)) for text in texts]
    return PaddedBatch(torch.tensor(ids, device=loaded.device), torch.tensor(mask, device=loaded.device))


def timed(loaded: LoadedModel, work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what the work returns and the seconds that it took on the device."""
    # GPU kernels are asynchronous: without waiting before and after, the clock would see only their launch.
    _synchronize(loaded.device)
    start = time.perf_counter()
    result = work()
    _synchronize(loaded.device)
    return result, time.perf_counter() - start


def check_finite(values: Any, what: str) -> None:
    """Fail if values hold NaN or infinity."""
    torch = import_torch()
    bad = int((~torch.isfinite(values)).sum())
    if bad:
        raise CheckFailed(f"{bad} of {values.numel()} {what} are NaN or infinity.")


def check_padding(loaded: LoadedModel, alone: Any, padded: Any) -> str:
    """Check that a text has the same result in a padded batch as alone; return the evidence."""
    found, limit = _distance(alone, padded), TOLERANCE.get(loaded.dtype, TOLERANCE["bfloat16"])
    if found > limit:
        raise CheckFailed(
            f"A text has a different result in a padded batch than alone: {found:.3g} standard deviations apart "
            f"(limit in {loaded.dtype}: {limit})."
        )
    if found < INVISIBLE:
        return "padding does not change them"
    return f"padding changes them by {found:.1g} standard deviations (limit {limit})"


def _distance(alone: Any, padded: Any) -> float:
    """Return the mean difference of two results in standard deviations of the first."""
    spread = float(alone.float().std()) or 1.0  # a constant result has no spread: compare in absolute numbers
    return float((alone.float() - padded.float()).abs().mean()) / spread


def _pad_id(loaded: LoadedModel) -> int:
    config = getattr(loaded.model, "config", None)
    choices = (getattr(loaded.tokenizer, "pad_token_id", None), getattr(config, "pad_token_id", None))
    rows = embedding_rows(loaded.model) or 1
    return next((number for number in choices if isinstance(number, int) and 0 <= number < rows), 0)


def _synchronize(device: str) -> None:
    torch = import_torch()
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device.startswith("mps"):
        torch.mps.synchronize()
