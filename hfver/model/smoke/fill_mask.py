"""The smoke task of models that fill in a masked word."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hfver.model.runtime import OpenModel
from hfver.model.smoke.batches import Batch, check_finite, check_padding, pad, texts_as_ids, timed
from hfver.model.smoke.check import Broken, NotApplicable, check, some
from hfver.model.smoke.perplexity import Likelihood, likelihood, mean_loss
from hfver.model.smoke.tasks import TaskResult

EVERY = 6
"""Every sixth token is masked, about the 15 % that BERT is trained with."""

NO_EFFECT = 1e-4
"""Spread of the logits from hole to hole, as a share of their spread in all, below which the text has no effect:
untrained models of 32 dimensions gave 0.46 (RoBERTa), 0.66 (DistilBERT) and 8e-4 (ModernBERT)."""


def run(opened: OpenModel) -> TaskResult:
    """Check logits and loss of a masked language model."""
    session = Session(opened)
    checks = [
        check("forward", lambda: _forward(session)),
        check("loss", lambda: session.likelihood.judge()),
        check("fills", lambda: _fills(session)),
    ]
    return TaskResult(checks, session.tokens_per_second if checks[0].status == "passed" else None)


@dataclass(frozen=True)
class Session:
    """One model's run, looked at by several checks."""

    opened: OpenModel

    @cached_property
    def plain(self) -> Batch:
        """The fixed sentences, nothing masked."""
        return pad(self.opened, texts_as_ids(self.opened))

    @cached_property
    def holes(self) -> Any:
        """Where a token is masked, bool [texts, tokens]; never a special one."""
        special = _special(self.plain, self.opened.tokenizer)
        order = (~special).long().cumsum(dim=1)
        return ~special & (order % EVERY == EVERY // 2)

    @cached_property
    def masked(self) -> Batch:
        """The fixed sentences with holes."""
        words = self.opened.tokenizer
        if words is None:
            raise NotApplicable("There is no tokenizer, so there is no mask token.")
        if words.mask_token_id is None:
            raise Broken("The tokenizer has no mask token.")
        return Batch(self.plain.ids.masked_fill(self.holes, words.mask_token_id), self.plain.mask)

    @cached_property
    def outcome(self) -> tuple[Any, float]:
        """The logits, float [texts, tokens, vocabulary], and the seconds they took after a first run."""
        self.opened.model(**self.masked.inputs)
        return timed(self.opened, lambda: self.opened.model(**self.masked.inputs).logits)

    @cached_property
    def likelihood(self) -> Likelihood:
        """The loss of each sentence's holes."""
        logits = self.outcome[0]
        losses = [
            mean_loss(row[hole], ids[hole])
            for row, ids, hole in zip(logits, self.plain.ids, self.holes, strict=True)
            if bool(hole.any())
        ]
        return likelihood(losses, logits.shape[-1])

    @property
    def tokens_per_second(self) -> float:
        """Tokens read a second, in a batch."""
        return sum(self.masked.lengths) / self.outcome[1]


def _special(batch: Batch, words: Any) -> Any:
    special = batch.mask == 0
    for number in words.all_special_ids if words is not None else ():
        special = special | (batch.ids == number)
    return special


def _forward(session: Session) -> str:
    logits, lengths = session.outcome[0], session.masked.lengths
    for row, length in zip(logits, lengths, strict=True):
        check_finite(row[:length], "logits")
    short = min(range(len(lengths)), key=lambda index: lengths[index])
    alone = session.opened.model(input_ids=session.masked.ids[short : short + 1, : lengths[short]]).logits[0]
    told = check_padding(session.opened, alone, logits[short, : lengths[short]])
    return f"Logits of {len(lengths)} texts over {logits.shape[-1]} tokens are finite; {told}."


def _fills(session: Session) -> str:
    """Check that what fills the holes depends on the text; a small model may well say "the" everywhere."""
    words: Any = session.opened.tokenizer
    scores = session.outcome[0][session.holes].float()
    if len(scores) > 1 and float(scores.std(dim=0).mean()) <= NO_EFFECT * float(scores.std()):
        raise Broken(f"All {len(scores)} holes get the same logits: the text around them has no effect.")
    best = scores.argmax(dim=-1).tolist()
    names = words.convert_ids_to_tokens(best)
    return f"{len(best)} holes are filled with {len(set(best))} different tokens: {some(names)}."
