"""What the smoke tasks of causal and masked language models share: the check of the loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hfver.model.runtime import LoadedModel
from hfver.model.smoke.batches import encode_truncated
from hfver.model.smoke.check import CheckFailed, shorten
from hfver.model.smoke.fixed_texts import OTHER_TEXTS
from hfver.model.smoke.loss import FAR_WORSE, IMPOSSIBLE, MIN_TOKENS, TextLosses, mean_loss
from hfver.model.smoke.noise import layers_are_trained, output_layer_is_noise
from hfver.model.smoke.own_text import OwnText


@dataclass(frozen=True)
class LanguageModelRun(ABC):
    """The results of running one language model, each computed once, on demand, and used by several checks."""

    loaded: LoadedModel

    @property
    @abstractmethod
    def english(self) -> TextLosses:
        """The losses on the fixed English sentences.

        Raises:
            CheckSkipped: There is no tokenizer.
        """

    @property
    def own_text(self) -> OwnText | None:
        """What the model writes by itself; None for a model that does not write."""
        return None

    @abstractmethod
    def predict(self, ids: list[int]) -> tuple[Any, Any]:
        """Return logits [predicted tokens, vocabulary] and targets [predicted tokens] for one text."""

    @cached_property
    def other_texts(self) -> TextLosses:
        """The losses on texts in other scripts, on code, DNA and proteins."""
        predicted = {name: self.predict(encode_truncated(self.loaded, text)) for name, text in OTHER_TEXTS.items()}
        return text_losses(predicted)

    @property
    def shows_learning(self) -> bool:
        """Whether anything shows that the model has learned something. Cheap evidence is looked at first."""
        if self.english.is_broken:  # nothing can be sampled from NaN
            return False
        if self.english.show_learning or self.other_texts.show_learning:
            return True
        return self.own_text is not None and self.own_text.shows_learning

    @cached_property
    def is_untrained(self) -> bool:
        """Whether the model is as initialization left it: what it writes then says nothing about a defect."""
        return not self.shows_learning and not layers_are_trained(self.loaded.model)


def text_losses(predicted: Mapping[str, tuple[Any, Any]]) -> TextLosses:
    """Put together the losses of several texts, each given by its logits and targets."""
    vocabulary = next(iter(predicted.values()))[0].shape[-1]
    losses = {name: mean_loss(*pair) for name, pair in predicted.items() if len(pair[1]) >= MIN_TOKENS}
    return TextLosses(vocabulary, losses)


def check_loss(run: LanguageModelRun) -> str:
    """Check that the losses can be those of a trained or an untrained model; return the evidence.

    Worse than guessing on English is no failure: the model may have learned Chinese, DNA, or three sentences by
    heart. The check fails only where something shows that the model's parts do not belong together.
    """
    english = run.english
    if english.is_broken:
        raise CheckFailed("The loss on plain English is NaN or infinity.")
    summary = _summarize(run)
    if english.show_learning:
        return summary
    if run.other_texts.show_learning:
        known = run.other_texts.best_text
        return f"{summary} It does better on other text: {known}, {run.other_texts.best:.2f}."
    _check_output_layer(run, summary)
    if _reference(run).is_worse_than_guessing(IMPOSSIBLE):
        raise CheckFailed(f"{summary} This is far worse than guessing, and further than any training leads.")
    return f"{summary} {_own_text_detail(run.own_text)}"


def _reference(run: LanguageModelRun) -> TextLosses:
    """Return the losses to judge by: those on English, or those on other texts if the tokenizer does not cover it."""
    return run.english if run.english.by_text else run.other_texts


def _summarize(run: LanguageModelRun) -> str:
    losses = _reference(run)
    if not losses.by_text:
        return "The tokenizer covers too little of the fixed texts to measure a loss on them."
    texts = "plain English" if losses is run.english else shorten(losses.by_text)
    return f"Mean loss on {texts}: {losses.mean:.2f} nats per token (guessing: {losses.guessing:.2f})."


def _check_output_layer(run: LanguageModelRun, summary: str) -> None:
    """Fail if the head was never trained although the model was, or if its random numbers spoil the predictions."""
    model = run.loaded.model
    if not output_layer_is_noise(model):
        return
    if _reference(run).is_worse_than_guessing(FAR_WORSE):
        raise CheckFailed(f"{summary} This is far worse than guessing: the output layer holds random numbers.")
    if layers_are_trained(model):
        raise CheckFailed(
            f"{summary} This is no better than guessing: the output layer holds random numbers, although the layers "
            "below it are trained. The trained output layer was lost."
        )


def _own_text_detail(own: OwnText | None) -> str:
    if own is None:
        return "The fixed texts do not show that it has learned anything."
    if not own.shows_learning:
        return "Neither the fixed texts nor its own show that it has learned anything."
    return (
        "It may have learned some other kind of text: what it writes itself costs "
        f"{own.loss:.2f} nats per token, and {own.shuffled_loss:.2f} with the tokens shuffled."
    )
