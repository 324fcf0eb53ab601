"""What a language model writes by itself, as evidence that it has learned something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hfver.model.runtime import LoadedModel
from hfver.model.runtime.device import import_torch
from hfver.model.smoke.batches import context_length, pad
from hfver.model.smoke.loss import mean_loss

NEW_TOKENS = 32
"""Tokens sampled after each prompt: enough for four prompts to give a stable mean, few enough for a CPU."""
ORDER_MATTERS = 0.25
"""Nats per token that shuffling must cost at least. Measured on two-layer models, 128 sampled tokens each: a model
whose output does not depend on its input pays 0.00, and untrained ones paid at most 0.07 (Mamba, which copies, 0.96).
Models trained for 60 steps and more on text in which the order of the tokens says something paid 0.4 to 12."""


@dataclass(frozen=True)
class OwnText:
    """The mean loss, in nats per token, of text that the model sampled from itself, as written and shuffled."""

    loss: float
    shuffled_loss: float

    @property
    def shows_learning(self) -> bool:
        """Whether the model distinguishes its own text from the same tokens in random order."""
        return self.shuffled_loss - self.loss >= ORDER_MATTERS


def sample_own_text(loaded: LoadedModel, prompts: Sequence[list[int]]) -> OwnText:
    """Let the model continue prompts at temperature 1, and measure what it wrote against the same tokens shuffled.

    A model's loss on its own text alone says nothing: it is small for whoever is sure of himself. That the order of
    the tokens matters shows that the model uses what it reads, in any language and without a known text.
    """
    torch = import_torch()
    losses, shuffled = [], []
    for prompt in prompts:
        written = _sample(loaded, prompt)
        order = torch.randperm(len(written)).tolist()
        losses.append(_continuation_loss(loaded, prompt, written))
        shuffled.append(_continuation_loss(loaded, prompt, [written[index] for index in order]))
    return OwnText(sum(losses) / len(losses), sum(shuffled) / len(shuffled))


def _sample(loaded: LoadedModel, prompt: list[int]) -> list[int]:
    """Sample from the model's plain distribution, with none of the settings of its generation config."""
    new = max(1, min(NEW_TOKENS, context_length(loaded.model) - len(prompt)))
    settings: dict[str, Any] = {
        "do_sample": True,
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 1.0,
        "repetition_penalty": 1.0,
        "num_beams": 1,
        "min_new_tokens": new,  # a model that ends its text at once would leave nothing to shuffle
        "max_new_tokens": new,
    }
    written = loaded.model.generate(**pad(loaded, [prompt]).inputs, **settings)
    return [int(number) for number in written[0, len(prompt) :]]


def _continuation_loss(loaded: LoadedModel, prompt: list[int], continuation: list[int]) -> float:
    batch = pad(loaded, [[*prompt, *continuation]])
    logits = loaded.model(**batch.inputs).logits[0]
    return mean_loss(logits[len(prompt) - 1 : -1], batch.ids[0, len(prompt) :])
