"""What the token rules report of the loaded tokenizers, where the files alone do not show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hfver.core.plural import counted
from hfver.model.compare.json_values import brief, printable
from hfver.model.compare.loaded_tokenizers import LoadedComparison
from hfver.model.compare.pair import Pair
from hfver.model.compare.probe_texts import TEXTS
from hfver.model.compare.rule import RuleMatch

__all__ = ["STORED", "describe_texts", "first_tokens", "match_loaded"]

STORED = "token ids that were stored or cached, and grammars built on them, now mean something else."


def match_loaded(pair: Pair, loaded: LoadedComparison) -> Iterator[RuleMatch]:
    """Report everything that differs between two loaded tokenizers, apart from new and special tokens."""
    where, files = loaded.where(pair), loaded.changed_files(pair)
    for part in loaded.parts:
        message = (
            f"The {printable(part.name, 40).lstrip('_')} of the loaded tokenizer changed: {describe_texts(loaded)}"
        )
        yield RuleMatch(f"{where}:{part.name}", message, brief(part.before), brief(part.after), files=files)
    for place, what in _token_changes(loaded):
        message = f"In the loaded tokenizer, {what}: {STORED}"
        yield RuleMatch(f"{where}:{place}", message, files=files)
    # New tokens can be found in text that was there before.
    if loaded.tokens.appended and loaded.texts and not loaded.is_breaking:
        yield RuleMatch(f"{where}:texts", f"With the new tokens, {describe_texts(loaded)}", files=files)


def _token_changes(loaded: LoadedComparison) -> Iterator[tuple[str, str]]:
    tokens = loaded.tokens
    for place, found, verb in (
        ("vocab", tokens.removed, "{} removed"),
        ("vocab", tokens.moved, "the ids of {} changed"),
        ("vocab", tokens.reused, "new tokens use the ids of existing ones"),
        ("added_tokens", tokens.flags, "the flags of {} changed"),
        ("scores", tokens.scores, "the scores of {} changed"),
    ):
        if found:
            count, names = found
            were = "was" if count == 1 else "were"
            number = counted(count, "token")
            what = verb.format(f"{number} {were}" if "removed" in verb else number)
            yield place, f"{what} ({first_tokens(names)})"
    if tokens.merges:
        yield "merges", "the merges changed ({} before, {} now)".format(*tokens.merges)


def describe_texts(loaded: LoadedComparison) -> str:
    """Say what the fixed texts show, as the second half of a sentence, with its period."""
    if not loaded.texts:
        return "text may be tokenized, or ids decoded, differently, though none of the fixed texts is."
    first = printable(TEXTS[loaded.texts[0]], 60)
    verb = "is" if len(loaded.texts) == 1 else "are"
    return (
        f"{len(loaded.texts)} of {len(TEXTS)} fixed texts {verb} tokenized or decoded differently, such as {first!r}."
    )


def first_tokens(tokens: Sequence[str]) -> str:
    """List up to three tokens, and show that there are more."""
    return ", ".join(printable(token, 40) for token in tokens[:3]) + (" …" if len(tokens) > 3 else "")
