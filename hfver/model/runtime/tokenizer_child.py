"""The child process in which the tokenizers and chat templates of an untrusted folder work.

A chat template can loop, and a normalizer can make a short text fill all memory. In the child they only end the child.
The weights are never in it: this process gives the model the ids that the child computed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hfver.errors import UsageError
from hfver.model.child import Child, ChildStopped, JobRaised, Limits

LOADING = Limits(cpu=120, wall=600)
"""The largest tokenizers load in 3 s; old ones that are converted while they are loaded take up to a minute."""
WORKING = Limits(cpu=20, wall=300)
"""Real tokenizers and templates need milliseconds for a fixed text; listing the largest vocabulary takes 1 s."""
CPU = 240
"""Seconds of processor time for everything that one smoke eval asks."""
MEMORY = 4 * 1024**3
"""Bytes that the child may allocate: the largest tokenizers need half a gigabyte, torch one."""
CACHES = ("HF_HOME", "HF_HUB_CACHE", "HF_MODULES_CACHE", "XDG_CACHE_HOME")
"""Where transformers finds and keeps code that was allowed to run."""

_JOBS = Path(__file__).with_name("_tokenizer_jobs.py")
_WORK = {
    "config": "Reading config.json",
    "tokenizer": "Loading the tokenizer",
    "processor": "Loading the processor",
    "encode": "Tokenizing a short text",
    "decode": "Decoding a few tokens",
    "render": "The chat template",
}
_REMEDIES = {
    "config": "Save the model again with save_pretrained.",
    "render": "Correct it in chat_template.jinja or tokenizer_config.json.",
}
_REMEDY = "Save the tokenizer again with save_pretrained."


class TokenizerFailed(Exception):
    """A tokenizer or template exceeded a limit or crashed; the message says which, in a sentence."""

    def __init__(self, message: str, remedy: str = "", *, earlier: bool = False) -> None:
        super().__init__(message)
        self.remedy = remedy
        """What to do about it, in a sentence."""
        self.earlier = earlier
        """Whether the failure itself was reported before, and this is only its consequence."""


class TemplateRefused(Exception):
    """A chat template refuses a conversation on purpose, with ``raise_exception``."""


class TemplateBroken(Exception):
    """A chat template cannot be rendered; the message is Jinja's."""

    def __init__(self, message: str, line: int | None) -> None:
        super().__init__(message)
        self.line = line


class TokenizerChild:
    """Loads and runs the tokenizers of one checkpoint in a child process, which ends with the ``with`` block."""

    def __init__(self, *, trust_remote_code: bool = False, needs_torch: bool = False) -> None:
        """Start the process. It imports its libraries while the caller goes on.

        Args:
            trust_remote_code: Whether code that the folder contains or names may run.
            needs_torch: Whether what it is to load requires torch, as processors do.

        Raises:
            UsageError: The process cannot be started.
        """
        settings = {
            "trust_remote_code": trust_remote_code,
            # Code may import torch, and nobody knows whether it does.
            "needs_torch": needs_torch or trust_remote_code,
        }
        passed_on = CACHES if trust_remote_code else ()
        try:
            self._child = Child(_JOBS, memory=MEMORY, cpu=CPU, passed_on=passed_on, settings=settings)
        except OSError as error:
            raise UsageError(f"The process for the tokenizer cannot be started: {error.strerror}.") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.close()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        """Whether no tokenizer or template has exceeded a limit or crashed so far."""
        return self._child.is_alive

    def check_config(self, directory: Path) -> None:
        """Build the folder's config: config classes, too, can be made to use up all memory.

        Raises:
            TokenizerFailed: It exceeded a limit.
        """
        self.ask("config", str(directory.absolute()), LOADING)

    def check_processor(self, directory: Path) -> None:
        """Load the folder's processor and drop it.

        Raises:
            TokenizerFailed: It exceeded a limit or crashed.
            JobRaised: It cannot be loaded.
        """
        self.ask("processor", str(directory.absolute()), LOADING)

    def load_tokenizer(self, directory: Path) -> ChildTokenizer:
        """Load the folder's tokenizer.

        Raises:
            TokenizerFailed: It exceeded a limit or crashed.
            JobRaised: It cannot be loaded.
        """
        facts = self.ask("tokenizer", str(directory.absolute()), LOADING)
        return ChildTokenizer(self, **facts | {"all_special_ids": frozenset(facts["all_special_ids"])})

    def ask(self, job: str, question: Any, limits: Limits | None = None) -> Any:
        """Run one job of ``_tokenizer_jobs.py``.

        Raises:
            TokenizerFailed: It exceeded a limit or crashed, or one before it did.
            JobRaised: It raised an exception.
        """
        if not self._child.is_alive:
            raise TokenizerFailed("Not run, because the tokenizer's process had to be ended before.", earlier=True)
        name, remedy = _WORK.get(job, "Listing the tokenizer's tokens"), _REMEDIES.get(job, _REMEDY)
        try:
            return self._child.ask(job, json.dumps(question), limits or WORKING)
        except ChildStopped as stop:
            raise TokenizerFailed(f"{name} {stop}.", remedy) from None
        except JobRaised as error:
            if error.kind != "TooLarge":
                raise
            raise TokenizerFailed(f"{name} {error}.", remedy) from None


@dataclass(frozen=True)
class ChildTokenizer:
    """A tokenizer in the child process. Attributes that transformers' tokenizers have too are called as they are there.

    Every method raises `TokenizerFailed` if the tokenizer exceeds a limit or crashes, and `JobRaised` for what it
    raises itself.
    """

    child: TokenizerChild
    number: int
    """Which of the child's tokenizers this is."""
    size: int
    """The number of its tokens, added ones included."""
    all_special_ids: frozenset[int]
    unk_token_id: int | None
    bos_token_id: int | None
    pad_token_id: int | None
    mask_token_id: int | None
    eos_token_id: int | None
    has_chat_template: bool
    input_names: list[str]
    """What a batch of texts has by default: ``input_ids``, ``attention_mask``…"""
    max_length: int
    """The most tokens of a text that the tokenizer truncates; a billion if it has no limit."""

    def __len__(self) -> int:
        return self.size

    def encode(self, text: str, *, special: bool = False, limit: int | None = None) -> list[int]:
        """Encode a text.

        Args:
            text: The text.
            special: Whether to add special tokens.
            limit: The most tokens, special ones included; None for all.
        """
        # A post-processor can make a text that was truncated before longer again: the model must not get that.
        return self._ids("encode", text=text, special=special, limit=limit)[:limit]

    def decode(self, ids: Iterable[int]) -> str:
        """Decode ids exactly: with special tokens, and without removing blanks."""
        return str(self._ask("decode", ids=list(ids), readable=False))

    def decode_readable(self, ids: Iterable[int]) -> str:
        """Decode ids for people, without special tokens."""
        return str(self._ask("decode", ids=list(ids), readable=True))

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """Return the tokens of ids, as the vocabulary writes them."""
        return [str(token) for token in self._ask("tokens", ids=list(ids))]

    def own_tokens(self) -> list[int]:
        """Return the ids of some tokens, taken evenly from the whole vocabulary, without the special ones."""
        return self._ids("own_tokens")

    def tokens_beyond(self, limit: int) -> tuple[int, str, int]:
        """Return how many tokens have an id that is not below a limit, and the last of them with its id."""
        count, token, number = self._ask("beyond", limit=limit)
        return int(count), str(token), int(number or 0)

    def ids_without_token(self, ids: Iterable[int]) -> set[int]:
        """Return which of some ids are not those of a token."""
        return set(self._ids("without_token", ids=list(ids)))

    def special_tokens(self) -> list[tuple[str, str, int | None, list[int]]]:
        """Return name, text and id of each special token, and the ids that its text is encoded to."""
        return [(str(name), str(text), number, list(ids)) for name, text, number, ids in self._ask("special_tokens")]

    def render(
        self, turns: Sequence[dict[str, str]], *, add_generation_prompt: bool, tools: Sequence[Any] | None = None
    ) -> str:
        """Render a conversation with the chat template, with tools as JSON schemas if any are given.

        Raises:
            TemplateRefused: The template refuses it on purpose.
            TemplateBroken: The template cannot be rendered.
        """
        outcome = self._ask(
            "render",
            turns=list(turns),
            add_generation_prompt=add_generation_prompt,
            tools=None if tools is None else list(tools),
        )
        if "refused" in outcome:
            raise TemplateRefused(str(outcome["refused"]))
        if "broken" in outcome:
            raise TemplateBroken(str(outcome["broken"]), outcome["line"])
        return str(outcome["text"])

    def _ask(self, job: str, **question: Any) -> Any:
        return self.child.ask(job, {"number": self.number, **question})

    def _ids(self, job: str, **question: Any) -> list[int]:
        return [int(number) for number in self._ask(job, **question)]
