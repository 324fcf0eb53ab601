"""The smoke task of models that continue text."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hfver.model.runtime import OpenModel
from hfver.model.smoke import chat
from hfver.model.smoke.batches import Batch, check_finite, check_padding, context, pad, texts_as_ids, timed
from hfver.model.smoke.check import Broken, NotApplicable, check
from hfver.model.smoke.fixed_texts import PROMPTS
from hfver.model.smoke.perplexity import Likelihood, likelihood, mean_loss
from hfver.model.smoke.tasks import TaskResult
from hfver.model.smoke.token_ids import eos_ids
from hfver.model.smoke.tokenizer import encode

FIRST, REST = 48, 16
"""New tokens after the first prompt and after each other one: enough to see a loop, few enough for a CPU."""


def run(opened: OpenModel) -> TaskResult:
    """Check logits, loss and greedy continuations of a causal language model."""
    session = Session(opened)
    checks = [
        check("forward", lambda: _forward(session)),
        check("loss", lambda: session.likelihood.judge()),
        check("generates", lambda: _generates(session)),
        check("stops", lambda: _stops(session)),
    ]
    return TaskResult(checks, session.tokens_per_second)


@dataclass(frozen=True)
class Continuation:
    """What the model wrote after a prompt."""

    prompt: str
    ids: list[int]
    seconds: float
    is_chat: bool = False


@dataclass(frozen=True)
class Session:
    """One model's runs, each made once and looked at by several checks."""

    opened: OpenModel
    done: list[Continuation] = field(default_factory=list)

    @cached_property
    def batch(self) -> Batch:
        """The fixed sentences."""
        return pad(self.opened, texts_as_ids(self.opened))

    @cached_property
    def logits(self) -> Any:
        """Scores of the next token, float [texts, tokens, vocabulary]."""
        return self.opened.model(**self.batch.inputs).logits

    @cached_property
    def likelihood(self) -> Likelihood:
        """The loss of each sentence, each token predicted from those before."""
        if self.opened.tokenizer is None:
            raise NotApplicable("There is no tokenizer, so there is no text to predict.")
        losses = [
            mean_loss(row[: length - 1], ids[1:length])
            for row, ids, length in zip(self.logits, self.batch.ids, self.batch.lengths, strict=True)
            if length > 1
        ]
        return likelihood(losses, self.logits.shape[-1])

    @cached_property
    def continuations(self) -> list[Continuation]:
        """Greedy continuations of every prompt, and of a chat where there is a template."""
        words = self.opened.tokenizer
        if words is None:
            raise NotApplicable("There is no tokenizer, so there is nothing to continue.")
        for number, text in enumerate(PROMPTS):
            ids = list(words(text)["input_ids"])
            self.done.append(_continue(self.opened, text, _without_end(ids, self.opened), REST if number else FIRST))
        question = chat.chat_prompt(words)
        if question is not None:
            self.done.append(_continue(self.opened, question, encode(words, question), FIRST, is_chat=True))
        return self.done

    @property
    def tokens_per_second(self) -> float | None:
        """New tokens a second, one text at a time."""
        seconds = sum(each.seconds for each in self.done)
        return sum(len(each.ids) for each in self.done) / seconds if seconds else None


def _forward(session: Session) -> str:
    logits, lengths = session.logits, session.batch.lengths
    shape = tuple(session.batch.ids.shape)
    if tuple(logits.shape[:2]) != shape:
        raise Broken(f"The logits have the shape {tuple(logits.shape)} for ids of the shape {shape}.")
    for row, length in zip(logits, lengths, strict=True):
        check_finite(row[:length], "logits")
    short = min(range(len(lengths)), key=lambda index: lengths[index])
    alone = session.opened.model(input_ids=session.batch.ids[short : short + 1, : lengths[short]]).logits[0]
    told = check_padding(session.opened, alone, logits[short, : lengths[short]])
    return f"Logits of {len(lengths)} texts over {logits.shape[-1]} tokens are finite; {told}."


def _continue(opened: OpenModel, prompt: str, ids: list[int], new: int, *, is_chat: bool = False) -> Continuation:
    """Continue ids greedily, within the model's context."""
    room = context(opened.model)
    ids = ids[-(room // 2) :]
    batch = pad(opened, [ids])
    settings = {"max_new_tokens": min(new, room - len(ids)), "do_sample": False, "num_beams": 1}
    out, seconds = timed(opened, lambda: opened.model.generate(**batch.inputs, **settings))
    return Continuation(prompt, [int(number) for number in out[0, len(ids) :]], seconds, is_chat)


def _without_end(ids: list[int], opened: OpenModel) -> list[int]:
    """Drop an end token that the tokenizer appends: after it a model starts another text."""
    return ids[:-1] if len(ids) > 1 and ids[-1] in eos_ids(opened) else ids


def _generates(session: Session) -> str:
    """Check that the continuations are not degenerate: they hold something, and depend on the prompt."""
    words: Any = session.opened.tokenizer
    done = session.continuations
    texts = [str(words.decode(each.ids, skip_special_tokens=True)) for each in done]
    written = [set(each.ids) - set(words.all_special_ids) for each in done]
    if not any(written):
        raise Broken(f"After each of {len(done)} prompts it writes nothing but special tokens.")
    stuck = _is_stuck(session, written, texts)
    if stuck:
        raise Broken(stuck)
    count = sum(len(each.ids) for each in done)
    return f"{count} tokens after {len(done)} prompts, such as {done[0].prompt!r} → {texts[0][:60]!r}."


def _is_stuck(session: Session, written: list[set[int]], texts: list[str]) -> str:
    """Say how the model is stuck, or nothing.

    Small models repeat themselves, and that is no defect. Broken is what ignores its input and has learned
    nothing: the same single token, or blanks alone, after every prompt, and a loss no better than guessing.
    """
    same = len(set().union(*written)) == 1
    blank = not any(text.strip() for text in texts)
    if not (same or blank) or session.likelihood.has_learned:
        return ""
    what = f"the token {texts[0][:20]!r}" if same else "blanks"
    return f"Whatever the prompt, it writes only {what}, and its loss is no better than guessing."


def _stops(session: Session) -> str:
    """Check that what ends an assistant's turn in the template also ends generation; Phi-4 got it wrong."""
    words: Any = session.opened.tokenizer
    ends = eos_ids(session.opened)
    chats = [each for each in session.continuations if each.is_chat]
    named = ", ".join(repr(words.convert_ids_to_tokens(number)) for number in sorted(ends))
    told = f"Generation ends on {named}" if ends else "No id ends generation, only the limit of tokens does"
    turn = chat.turn_end(words) if chats else None
    if turn is None or turn in ends:
        return told + "."
    name = words.convert_ids_to_tokens(turn)
    if any(turn in each.ids[:-1] for each in chats):
        raise Broken(f"It wrote {name!r}, which ends a turn in the chat template, and went on. {told}.")
    return f"{told}; the template ends a turn with {name!r}, which does not."
