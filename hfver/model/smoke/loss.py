"""How well a language model predicts text, and what its losses say about its health."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hfver.model.runtime.device import import_torch

MIN_TOKENS = 4
"""Predicted tokens that a text must have to count: with fewer, a lucky guess looks like knowledge."""
LEARNED, LEARNED_SHARE = 0.5, 0.08
"""Nats per token below guessing from which a text counts as predicted: half a nat, or the share of what guessing costs
where that is less, because a vocabulary of 24 amino acids leaves less to gain. Untrained models came within 0.2 of
guessing on each of the fixed texts, but for Mamba, which copies, and gains 1.0 on the repetitive DNA."""
FAR_WORSE = 2.0
"""Nats per token above guessing at which a loss is too bad for a model that knows nothing. Guessing costs
ln(vocabulary), and an untrained model about as much. A trained model reaches this on text that is foreign to it."""
IMPOSSIBLE = 60.0
"""Nats per token above guessing that no training leads to, on any text. Among 110 healthy two-layer models that had
learned Chinese, DNA, code or three sentences by heart, the worst lost 11.7 more than guessing on plain English after
training with AdamW, and 19.3 with SGD at a rate of 0.5. Output layers scaled by 100 lost 200 to 1,200 more."""


@dataclass(frozen=True)
class TextLosses:
    """Mean losses in nats per token, by text; texts with too few known tokens are not in it."""

    vocabulary: int
    by_text: Mapping[str, float] = field(default_factory=dict)

    @property
    def guessing(self) -> float:
        """The loss of a uniform guess."""
        return math.log(self.vocabulary)

    @property
    def mean(self) -> float:
        """The mean over the texts; NaN if there are none."""
        return sum(self.by_text.values()) / len(self.by_text) if self.by_text else math.nan

    @property
    def best(self) -> float:
        """The loss of the text that is predicted best; NaN if there are none."""
        return min(self.by_text.values(), default=math.nan)

    @property
    def best_text(self) -> str:
        """The name of the text that is predicted best."""
        return min(self.by_text, key=lambda name: self.by_text[name])

    @property
    def is_broken(self) -> bool:
        """Whether the model returned NaN or infinity for some text."""
        return any(not math.isfinite(loss) for loss in self.by_text.values())

    @property
    def show_learning(self) -> bool:
        """Whether some text is predicted better than by guessing."""
        return self.best <= self.guessing - min(LEARNED, LEARNED_SHARE * self.guessing)

    def is_worse_than_guessing(self, margin: float) -> bool:
        """Return whether even the best text costs more than guessing by a margin.

        The best text counts, not the mean, so that a model that knows one kind of text alone does not fail.
        """
        return self.best > self.guessing + margin


def mean_loss(logits: Any, targets: Any) -> float:
    """Return the mean cross entropy in nats of logits [tokens, vocabulary] against ids [tokens]."""
    torch = import_torch()
    return float(torch.nn.functional.cross_entropy(logits.float(), targets))
