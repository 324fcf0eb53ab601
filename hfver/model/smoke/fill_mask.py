"""The smoke task of models that fill in masked tokens."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hfver.model.runtime import LoadedModel
from hfver.model.smoke.batches import PaddedBatch, check_finite, check_padding, encode_sentences, pad, timed
from hfver.model.smoke.check import CheckFailed, CheckSkipped, check, shorten
from hfver.model.smoke.language_model import LanguageModelRun, check_loss, measure_english
from hfver.model.smoke.loss import TextLosses
from hfver.model.smoke.tasks import TaskResult

MASK_EVERY = 6
"""Every sixth token is masked, about the 15 % that BERT is trained with."""

NO_EFFECT = 1e-4
"""The spread of the logits from mask to mask, as a share of their total spread, below which the text has no effect.
Untrained models of 32 dimensions had 0.46 (RoBERTa), 0.66 (DistilBERT) and 8e-4 (ModernBERT)."""


def run(loaded: LoadedModel) -> TaskResult:
    """Check logits and loss of a masked language model."""
    masked = MaskedRun(loaded)
    checks = [
        check("forward", lambda: _forward(masked)),
        check("loss", lambda: check_loss(masked)),
        check("fills", lambda: _fills(masked)),
    ]
    return TaskResult(checks, masked.tokens_per_second if checks[0].status == "passed" else None)


@dataclass(frozen=True)
class MaskedRun(LanguageModelRun):
    """One masked language model's results on texts of which some tokens are masked."""

    @cached_property
    def batch(self) -> PaddedBatch:
        """The fixed sentences, unmasked."""
        return pad(self.loaded, encode_sentences(self.loaded))

    @cached_property
    def masks(self) -> Any:
        """Which tokens are masked, bool [texts, tokens]."""
        return _choose_masks(self.batch, self.loaded.tokenizer)

    @cached_property
    def masked(self) -> PaddedBatch:
        """The fixed sentences, masked."""
        return _apply_masks(self.batch, self.masks, self.loaded.tokenizer)

    @cached_property
    def outcome(self) -> tuple[Any, float]:
        """The logits, float [texts, tokens, vocabulary], and the seconds that they took."""
        self.loaded.model(**self.masked.inputs)  # the first run also pays for the warm-up of kernels
        return timed(self.loaded, lambda: self.loaded.model(**self.masked.inputs).logits)

    @cached_property
    def english(self) -> TextLosses:
        """The losses on the masked tokens of the fixed sentences."""
        rows = zip(self.outcome[0], self.batch.ids, self.masks, strict=True)
        return measure_english(self.loaded, ((row[mask], ids[mask]) for row, ids, mask in rows))

    def predict(self, ids: list[int]) -> tuple[Any, Any]:
        """Return the logits and targets of the masked tokens of one text."""
        batch = pad(self.loaded, [ids])
        masks = _choose_masks(batch, self.loaded.tokenizer)
        logits = self.loaded.model(**_apply_masks(batch, masks, self.loaded.tokenizer).inputs).logits
        return logits[masks], batch.ids[masks]

    @property
    def tokens_per_second(self) -> float:
        """Tokens read per second, in a batch."""
        return sum(self.masked.lengths) / self.outcome[1]


def _choose_masks(batch: PaddedBatch, tokenizer: Any) -> Any:
    """Choose every sixth token that is not special; counting from the middle spares the start of the text."""
    special = batch.mask == 0
    for number in tokenizer.all_special_ids if tokenizer is not None else ():
        special = special | (batch.ids == number)
    position = (~special).long().cumsum(dim=1)
    return ~special & (position % MASK_EVERY == MASK_EVERY // 2)


def _apply_masks(batch: PaddedBatch, masks: Any, tokenizer: Any) -> PaddedBatch:
    if tokenizer is None:
        raise CheckSkipped("There is no tokenizer, so there is no mask token.")
    if tokenizer.mask_token_id is None:
        raise CheckFailed("The tokenizer has no mask token.")
    return PaddedBatch(batch.ids.masked_fill(masks, tokenizer.mask_token_id), batch.mask)


def _forward(run: MaskedRun) -> str:
    logits, lengths = run.outcome[0], run.masked.lengths
    for row, length in zip(logits, lengths, strict=True):
        check_finite(row[:length], "logits")
    # The shortest text has the most padding, so it shows best whether padding changes anything.
    short = min(range(len(lengths)), key=lambda index: lengths[index])
    alone = run.loaded.model(input_ids=run.masked.ids[short : short + 1, : lengths[short]]).logits[0]
    padding = check_padding(run.loaded, alone, logits[short, : lengths[short]])
    return f"Logits of {len(lengths)} texts over {logits.shape[-1]} tokens are finite; {padding}."


def _fills(run: MaskedRun) -> str:
    """Check that the fillings depend on the text. A small model may well fill in "the" everywhere."""
    tokenizer: Any = run.loaded.tokenizer
    scores = run.outcome[0][run.masks].float()
    if not len(scores):
        raise CheckSkipped("The tokenizer knows too little English to mask any of it.")
    if len(scores) > 1 and float(scores.std(dim=0).mean()) <= NO_EFFECT * float(scores.std()):
        raise CheckFailed(f"All {len(scores)} masks get the same logits: the text around them has no effect.")
    best = scores.argmax(dim=-1).tolist()
    tokens = tokenizer.tokens(best)
    return f"{len(best)} masks are filled with {len(set(best))} different tokens: {shorten(tokens)}."
