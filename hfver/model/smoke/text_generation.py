"""The smoke task of models that continue text."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hfver.model.runtime import LoadedModel
from hfver.model.smoke import chat
from hfver.model.smoke.batches import (
    PaddedBatch,
    check_finite,
    check_padding,
    context_length,
    encode_sentences,
    pad,
    timed,
)
from hfver.model.smoke.check import CheckFailed, CheckSkipped, check
from hfver.model.smoke.fixed_texts import OTHER_TEXTS, PROMPTS
from hfver.model.smoke.language_model import LanguageModelRun, check_loss, measure_english
from hfver.model.smoke.loss import TextLosses
from hfver.model.smoke.own_settings import depends_on_input, own_settings, repeats_itself
from hfver.model.smoke.own_text import OwnText, sample_own_text
from hfver.model.smoke.stops import check_stops
from hfver.model.smoke.tasks import TaskResult
from hfver.model.smoke.token_ids import eos_ids
from hfver.model.smoke.tokenizer import covers, encode

FIRST, REST = 48, 16
"""New tokens after the first prompt and after each other one: enough to see a loop, few enough for a CPU."""
MAX_PROMPT = 4096
"""The most tokens of a prompt: a template whose config allows any length must not decide how much is computed."""
MAX_SHOWN = 60
"""Characters of a continuation that are shown."""


def run(loaded: LoadedModel) -> TaskResult:
    """Check logits, loss and greedy continuations of a causal language model."""
    causal = CausalRun(loaded)
    checks = [
        check("forward", lambda: _forward(causal)),
        check("loss", lambda: check_loss(causal)),
        check("generates", lambda: _generates(causal)),
        check("stops", lambda: stops(causal)),
        check("own-settings", lambda: own_settings(loaded, causal.prompts[0])),
        check("repeatable", lambda: repeats_itself(loaded, causal.prompts[0])),
        check("depends-on-input", lambda: depends_on_input(loaded, causal.prompts)),
    ]
    return TaskResult(checks, causal.tokens_per_second)


@dataclass(frozen=True)
class Continuation:
    """What the model wrote after a prompt."""

    prompt: str
    ids: list[int]
    seconds: float
    is_chat: bool = False


@dataclass(frozen=True)
class CausalRun(LanguageModelRun):
    """One causal language model's results on the fixed sentences and prompts."""

    finished: list[Continuation] = field(default_factory=list)
    """The continuations so far; the speed is known from them even if a later one raises."""

    @cached_property
    def batch(self) -> PaddedBatch:
        """The fixed sentences."""
        return pad(self.loaded, encode_sentences(self.loaded))

    @cached_property
    def logits(self) -> Any:
        """Scores of the next token, float [texts, tokens, vocabulary]."""
        return self.loaded.model(**self.batch.inputs).logits

    @cached_property
    def english(self) -> TextLosses:
        """The losses on the fixed sentences, each token predicted from those before it."""
        if self.loaded.tokenizer is None:
            raise CheckSkipped("There is no tokenizer, so there is no text to predict.")
        rows = zip(self.logits, self.batch.ids, self.batch.lengths, strict=True)
        return measure_english(self.loaded, (self._scored(row[:length], ids[:length]) for row, ids, length in rows))

    @cached_property
    def own_text(self) -> OwnText:
        """Text that the model samples after the fixed prompts."""
        return sample_own_text(self.loaded, [self._prompt_ids(text) for text in _prompts(self.loaded.tokenizer)])

    @cached_property
    def continuations(self) -> list[Continuation]:
        """Greedy continuations of every prompt, and of a chat if there is a template."""
        tokenizer = self.loaded.tokenizer
        if tokenizer is None:
            raise CheckSkipped("There is no tokenizer, so there is no prompt to continue.")
        for number, text in enumerate(_prompts(tokenizer)):
            ids = self._prompt_ids(text)
            self.finished.append(_continue(self.loaded, text, ids, REST if number else FIRST))
        question = chat.chat_prompt(tokenizer)
        if question is not None:
            ids = encode(tokenizer, question)
            self.finished.append(_continue(self.loaded, question, ids, FIRST, is_chat=True))
        return self.finished

    @cached_property
    def prompts(self) -> list[list[int]]:
        """The ids of the prompts.

        Raises:
            CheckSkipped: There is no tokenizer.
        """
        if self.loaded.tokenizer is None:
            raise CheckSkipped("There is no tokenizer, so there is no prompt to continue.")
        return [self._prompt_ids(text) for text in _prompts(self.loaded.tokenizer)]

    @property
    def tokens_per_second(self) -> float | None:
        """New tokens per second, one text at a time; None if nothing was generated."""
        seconds = sum(each.seconds for each in self.finished)
        return sum(len(each.ids) for each in self.finished) / seconds if seconds else None

    def predict(self, ids: list[int]) -> tuple[Any, Any]:
        """Return the logits and targets of one text."""
        batch = pad(self.loaded, [ids])
        return self._scored(self.loaded.model(**batch.inputs).logits[0], batch.ids[0])

    def _scored(self, logits: Any, ids: Any) -> tuple[Any, Any]:
        """Pair each token but the first with the logits that predict it, leaving out special tokens.

        Special tokens are no text: an unknown token means that the tokenizer does not cover a part of the text.
        """
        tokenizer: Any = self.loaded.tokenizer
        targets, special = ids[1:], set(tokenizer.all_special_ids)
        kept = [index for index, number in enumerate(targets.tolist()) if number not in special]
        return logits[:-1][kept], targets[kept]

    def _prompt_ids(self, text: str) -> list[int]:
        tokenizer: Any = self.loaded.tokenizer
        ids = tokenizer.encode(text, special=True)
        # After an end token, which some tokenizers append, a model would start another text.
        ids = ids[:-1] if len(ids) > 1 and ids[-1] in eos_ids(self.loaded) else ids
        if not ids and tokenizer.bos_token_id is None:
            raise CheckSkipped("The tokenizer covers none of the fixed texts, so there is no prompt to continue.")
        return _fit(self.loaded, ids or [tokenizer.bos_token_id])


def _prompts(tokenizer: Any) -> list[str]:
    """Return the English prompts, or beginnings of other texts if the tokenizer does not cover English."""
    english = [text for text in PROMPTS if covers(tokenizer, text)]
    others = [text[: len(text) // 2] for text in OTHER_TEXTS.values() if covers(tokenizer, text)]
    return english or others[: len(PROMPTS)] or list(PROMPTS)


def _forward(run: CausalRun) -> str:
    logits, lengths = run.logits, run.batch.lengths
    shape = tuple(run.batch.ids.shape)
    if tuple(logits.shape[:2]) != shape:
        raise CheckFailed(f"The logits have the shape {tuple(logits.shape)} for ids of the shape {shape}.")
    for row, length in zip(logits, lengths, strict=True):
        check_finite(row[:length], "logits")
    # The shortest text has the most padding, so it shows best whether padding changes anything.
    short = min(range(len(lengths)), key=lambda index: lengths[index])
    alone = run.loaded.model(input_ids=run.batch.ids[short : short + 1, : lengths[short]]).logits[0]
    padding = check_padding(run.loaded, alone, logits[short, : lengths[short]])
    return f"Logits of {len(lengths)} texts over {logits.shape[-1]} tokens are finite; {padding}."


def _fit(loaded: LoadedModel, ids: list[int]) -> list[int]:
    """Keep the end of a prompt that leaves half of the model's context free."""
    return ids[-min(MAX_PROMPT, context_length(loaded.model) // 2) :]


def _continue(loaded: LoadedModel, prompt: str, ids: list[int], new: int, *, is_chat: bool = False) -> Continuation:
    """Continue ids greedily, within the model's context."""
    ids = _fit(loaded, ids)
    batch = pad(loaded, [ids])
    limit = min(new, context_length(loaded.model) - len(ids))
    settings = {"max_new_tokens": limit, "do_sample": False, "num_beams": 1}
    written, seconds = timed(loaded, lambda: loaded.model.generate(**batch.inputs, **settings))
    return Continuation(prompt, [int(number) for number in written[0, len(ids) :]], seconds, is_chat)


def _generates(run: CausalRun) -> str:
    """Check that the continuations are not degenerate: they hold something, and depend on the prompt."""
    tokenizer: Any = run.loaded.tokenizer
    done = run.continuations
    texts = [tokenizer.decode_readable(each.ids) for each in done]
    written = [set(each.ids) - set(tokenizer.all_special_ids) for each in done]
    problem = _empty(run, written) or _repetition(run, written, texts)
    if problem:
        raise CheckFailed(problem)
    count = sum(len(each.ids) for each in done)
    return f"{count} tokens after {len(done)} prompts. Example: {done[0].prompt!r} → {texts[0][:MAX_SHOWN]!r}."


def _empty(run: CausalRun, written: list[set[int]]) -> str:
    """Say that the model writes nothing, or return an empty string.

    Nothing after English prompts is no defect in a model that shows it has learned something, but not English.
    """
    speaks_another_language = run.shows_learning and not run.english.show_learning
    if any(written) or speaks_another_language or run.is_untrained:
        return ""
    return f"After each of {len(written)} prompts it writes nothing but special tokens."


def _repetition(run: CausalRun, written: list[set[int]], texts: list[str]) -> str:
    """Describe how the model repeats itself regardless of its input, or return an empty string.

    Small models repeat themselves, and that is no defect. A trained model is broken if it writes one token, or blanks
    alone, after every prompt and shows no sign of having learned anything either.
    """
    same = len(set().union(*written)) == 1
    blank = not any(text.strip() for text in texts)
    if not (same or blank) or run.shows_learning or run.is_untrained:
        return ""
    output = f"the token {texts[0][:20]!r}" if same else "blanks"
    return f"Whatever the prompt, it writes only {output}, and its loss is no better than guessing."


def stops(run: CausalRun) -> str:
    """Check that the answer of a chat model ends: what ends a turn in the template also ends generation."""
    return check_stops(run.loaded, [each.ids for each in run.continuations if each.is_chat])
