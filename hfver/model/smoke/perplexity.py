"""How well a model predicts plain text, measured against guessing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hfver.model.runtime.device import import_torch
from hfver.model.smoke.check import Broken

WORSE_THAN_GUESSING = 2.0
"""Nats above ln(vocabulary) at which even the best sentence speaks of a broken head: guessing costs
ln(vocabulary), a fresh model about as much, a trained one less, and a head of random numbers on a trained
body several nats more. The best sentence counts, not the mean, so that a small model overfitted to one kind of
text passes."""
LEARNED = 0.5
"""Nats below ln(vocabulary) from which a model has learned something, however repetitive its output is."""


@dataclass(frozen=True)
class Likelihood:
    """Mean loss per text in nats, and what guessing would cost."""

    losses: tuple[float, ...]
    vocabulary: int

    @property
    def guessing(self) -> float:
        """The loss of a uniform guess."""
        return math.log(self.vocabulary)

    @property
    def mean(self) -> float:
        """The mean over the texts."""
        return sum(self.losses) / len(self.losses)

    @property
    def has_learned(self) -> bool:
        """Whether some text is predicted better than by guessing."""
        return min(self.losses) < self.guessing - LEARNED

    def judge(self) -> str:
        """Check that the losses are finite and not far worse than guessing; return the evidence."""
        told = f"Mean loss {self.mean:.2f} nats a token on plain English; guessing costs {self.guessing:.2f}"
        if not math.isfinite(self.mean):
            raise Broken(f"The loss on plain English is {self.mean}.")
        if min(self.losses) > self.guessing + WORSE_THAN_GUESSING:
            raise Broken(f"{told}: far worse than guessing, so the weights do not fit together.")
        return told + "."


def mean_loss(logits: Any, targets: Any) -> float:
    """Return the mean cross entropy in nats of logits [tokens, vocabulary] against ids [tokens]."""
    torch = import_torch()
    return float(torch.nn.functional.cross_entropy(logits.float(), targets))


def likelihood(losses: Sequence[float], vocabulary: int) -> Likelihood:
    """Put losses together; a text without any token to predict has none."""
    return Likelihood(tuple(losses) or (math.nan,), vocabulary)
