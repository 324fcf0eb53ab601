"""Turning the fixed texts into batches, running them, and comparing padded with unpadded results."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hfver.model.runtime import OpenModel
from hfver.model.runtime.device import import_torch
from hfver.model.smoke.check import Broken
from hfver.model.smoke.fixed_texts import SENTENCES
from hfver.model.smoke.token_ids import embedding_rows

MAX_TOKENS = 128
"""Tokens per text at most: keeps the logits of a 256k vocabulary below 300 MB in bfloat16."""
STRIDE = 7919
"""A prime, to spread made-up ids over the vocabulary of a model without tokenizer."""
TOLERANCE = {"float64": 3e-4, "float32": 3e-4, "float16": 2e-2, "bfloat16": 1e-1}
"""How far results of the same text may lie apart, alone and in a padded batch: mean difference in standard
deviations of the result. Measured on a CPU with untrained two-layer models of 13 architectures: at most 7e-8 in
float32, 5e-5 in float16 and 2e-4 in bfloat16, and 1.4e-3 at least where an encoder got no mask. The room above that
is for depth and for other kernels; it is not calibrated on GPUs yet."""


@dataclass(frozen=True)
class Batch:
    """Texts as padded ids on the model's device."""

    ids: Any
    """int64 [texts, tokens]"""
    mask: Any
    """int64 [texts, tokens]: 1 where there is a token, 0 where there is padding."""

    @property
    def lengths(self) -> list[int]:
        """The number of tokens of each text."""
        return [int(length) for length in self.mask.sum(dim=1)]

    @property
    def inputs(self) -> dict[str, Any]:
        """The model's keyword arguments."""
        return {"input_ids": self.ids, "attention_mask": self.mask}


def texts_as_ids(opened: OpenModel) -> list[list[int]]:
    """Encode the fixed sentences with their special tokens; make ids up where there is no tokenizer."""
    words, room = opened.tokenizer, context(opened.model)
    limit = min(MAX_TOKENS, room // 2)
    if words is None:
        rows = embedding_rows(opened.model) or 1
        return [[(start + 1) * step * STRIDE % rows for step in range(1, 9 + start)] for start in range(4)]
    return [list(words(text, truncation=True, max_length=limit)["input_ids"]) for text in SENTENCES]


def context(model: Any) -> int:
    """Return how many tokens the model can take; 2048 where the config sets no limit."""
    config = getattr(model, "config", None)
    settings = config.get_text_config() if config is not None and hasattr(config, "get_text_config") else config
    return int(getattr(settings, "max_position_embeddings", None) or 2048)


def pad(opened: OpenModel, texts: Sequence[Sequence[int]]) -> Batch:
    """Pad texts on the right with an id that the mask hides."""
    torch = import_torch()
    filler = _pad_id(opened)
    width = max(len(text) for text in texts)
    ids = [[*text, *[filler] * (width - len(text))] for text in texts]
    mask = [[1] * len(text) + [0] * (width - len(text)) for text in texts]
    return Batch(torch.tensor(ids, device=opened.device), torch.tensor(mask, device=opened.device))


def timed(opened: OpenModel, work: Callable[[], Any]) -> tuple[Any, float]:
    """Run work and return its result and its seconds, with the device's queue emptied before and after."""
    _synchronize(opened.device)
    start = time.perf_counter()
    result = work()
    _synchronize(opened.device)
    return result, time.perf_counter() - start


def check_finite(values: Any, what: str) -> None:
    """Fail where values hold NaN or infinity."""
    torch = import_torch()
    bad = int((~torch.isfinite(values)).sum())
    if bad:
        raise Broken(f"{bad} of {values.numel()} {what} are NaN or infinity.")


def distance(alone: Any, padded: Any) -> float:
    """Return the mean difference of two results in standard deviations of the first."""
    spread = float(alone.float().std()) or 1.0
    return float((alone.float() - padded.float()).abs().mean()) / spread


def check_padding(opened: OpenModel, alone: Any, padded: Any) -> str:
    """Check that a text gives the same in a padded batch as alone; return the evidence."""
    apart, limit = distance(alone, padded), TOLERANCE.get(opened.dtype, TOLERANCE["bfloat16"])
    if apart > limit:
        raise Broken(
            f"A text gives another result in a padded batch than alone: {apart:.3g} standard deviations "
            f"apart (at most {limit} in {opened.dtype})."
        )
    return f"padding changes them by {apart:.1g} standard deviations"


def _pad_id(opened: OpenModel) -> int:
    settings = getattr(opened.model, "config", None)
    choices = (getattr(opened.tokenizer, "pad_token_id", None), getattr(settings, "pad_token_id", None))
    rows = embedding_rows(opened.model) or 1
    return next((number for number in choices if isinstance(number, int) and 0 <= number < rows), 0)


def _synchronize(device: str) -> None:
    torch = import_torch()
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device.startswith("mps"):
        torch.mps.synchronize()
