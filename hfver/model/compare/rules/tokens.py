"""Rules on tokens: ids that callers have stored must mean what they meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from hfver.core.version import Bump
from hfver.model.compare.encoding import Encoded, encode
from hfver.model.compare.json_values import brief, same, shown
from hfver.model.compare.keys import finding
from hfver.model.compare.pair import Pair, View
from hfver.model.compare.probe_texts import TEXTS
from hfver.model.compare.rule import Finding, rule
from hfver.model.compare.settings import all_settings
from hfver.model.compare.vocabulary import (
    CONFIG,
    LEGACY,
    TOKENIZER,
    Vocabulary,
    appended,
    decoder,
    legacy_vocabulary,
    vocabulary,
)

_BINARY = re.compile(r"(.*/)?([^/]*\.(model|spm|tiktoken)|tekken\.json|sentencepiece[^/]*\.bpe[^/]*|vocab\.bpe)")
_STORED = "token ids that were stored or cached, and grammars built on them, mean something else."


def _tokens(pair: Pair) -> Iterable[Finding]:
    for setting in all_settings(pair):
        if setting.rule == "token-ids":
            yield finding(setting, "texts are padded, cut or decoded otherwise.")
    if TOKENIZER in pair.changed:
        yield from _of_tokenizer(pair)
    for path in pair.changed:
        name = PurePosixPath(path).name
        if name in LEGACY:
            yield from _of_legacy(pair, path)
        elif _BINARY.fullmatch(path) and path in pair.before.side.files:
            message = f"{shown(path)} differs or is gone: hfver cannot look into it, so any id may have moved."
            yield Finding(path, message, note=f"{shown(path)} is compared by its bytes alone.")
    yield from _of_decoder(pair)


def _of_tokenizer(pair: Pair) -> Iterator[Finding]:
    old, new = vocabulary(pair.before), vocabulary(pair.after)
    if old is None or new is None:
        gone = "could not be read on both sides, so any id may have moved"
        yield Finding(TOKENIZER, f"{TOKENIZER} {gone}.", note=f"{TOKENIZER} {gone}.")
        return
    yield from _ids(TOKENIZER, old, new)
    yield from _merges(TOKENIZER, old, new)
    yield from _flags(old, new)
    yield from _parts_and_texts(pair, old, new)


def _ids(path: str, old: Vocabulary, new: Vocabulary) -> Iterator[Finding]:
    gone = [token for token in old.ids if token not in new.ids]
    if gone:
        yield Finding(f"{path}:vocab", f"{count(gone)} went ({some(gone)}): {_STORED}", some(gone), None)
    moved = [token for token, number in old.ids.items() if new.ids.get(token, number) != number]
    if moved:
        first = moved[0]
        message = f"{count(moved)} changed id, {shown(first)!r} from {old.ids[first]} to {new.ids[first]}: {_STORED}"
        yield Finding(f"{path}:vocab", message, brief(old.ids[first]), brief(new.ids[first]))
    taken = [token for token, number in new.ids.items() if token not in old.ids and number in old.taken]
    if taken and not gone:
        yield Finding(f"{path}:vocab", f"{count(taken)} took ids that others have ({some(taken)}): {_STORED}")
    scored = [token for token in old.weights if token in new.weights and old.weights[token] != new.weights[token]]
    if scored:
        yield Finding(f"{path}:vocab", f"{count(scored)} changed score ({some(scored)}): texts are cut otherwise.")


def _merges(path: str, old: Vocabulary, new: Vocabulary) -> Iterator[Finding]:
    if old.merges != new.merges:
        numbers = (len(old.merges), len(new.merges))
        message = f"The merges differ ({numbers[0]} before, {numbers[1]} now): the same text gives other ids."
        yield Finding(f"{path}:merges", message, *numbers)


def _flags(old: Vocabulary, new: Vocabulary) -> Iterator[Finding]:
    tokens = [token for token in old.flags if token in new.flags and old.flags[token] != new.flags[token]]
    tokens += [token for token in old.ids if token in new.ids and (token in old.flags) != (token in new.flags)]
    if tokens:
        message = f"{count(tokens)} are matched in texts, or left out of answers, otherwise ({some(tokens)})."
        yield Finding(f"{TOKENIZER}:added_tokens", message, None, some(tokens))


def _parts_and_texts(pair: Pair, old: Vocabulary, new: Vocabulary) -> Iterator[Finding]:
    raw = [key for key in sorted(old.parts.keys() | new.parts.keys()) if not _same_part(old, new, key)]
    if not raw and not appended(old, new):
        return
    encoded = encode(pair)
    for key in raw if encoded is None else _other_parts(encoded):
        message = f"The {key} of the tokenizer differs: the same text may give other ids, or ids another text."
        yield Finding(f"{TOKENIZER}:{key}", message, brief(old.parts.get(key)), brief(new.parts.get(key)))
    if encoded is None:
        note = "The tokenizers could not be tried on texts; their structure alone was compared."
        yield Finding(TOKENIZER, "The tokenizers could not be tried on texts, so any id may have moved.", note=note)
        return
    texts = [text for text, one, other in zip(TEXTS, *(side.ids for side in encoded), strict=True) if one != other]
    if texts:
        message = f"{len(texts)} of {len(TEXTS)} fixed texts give other ids, first {shown(texts[0], 60)!r}."
        yield Finding(f"{TOKENIZER}:texts", message)


def _same_part(old: Vocabulary, new: Vocabulary, key: str) -> bool:
    return same(old.parts.get(key), new.parts.get(key))


def _other_parts(encoded: tuple[Encoded, Encoded]) -> list[str]:
    one, other = (side.parts for side in encoded)
    return [key for key in sorted(one.keys() | other.keys()) if not same(one.get(key), other.get(key))]


def _of_legacy(pair: Pair, path: str) -> Iterator[Finding]:
    """Compare vocab.json and its kin; one that comes or goes beside tokenizer.json only repeats it, if it does."""
    if path not in pair.before.side.files:
        if TOKENIZER in pair.before.side.files and _repeats(pair.after, path):
            return
        yield Finding(path, f"{shown(path)} came: a tokenizer that reads it may give other ids.")
    elif path not in pair.after.side.files:
        if not _repeats(pair.before, path, pair.after):
            yield Finding(path, f"{shown(path)} is gone, and {TOKENIZER} does not hold all of it: {_STORED}")
    else:
        old, new = legacy_vocabulary(pair.before, path), legacy_vocabulary(pair.after, path)
        if old is None or new is None:
            yield Finding(path, f"{shown(path)} cannot be read on both sides, so any id may have moved.")
            return
        yield from _ids(path, old, new)
        yield from _merges(path, old, new)


def _repeats(view: View, path: str, within: View | None = None) -> bool:
    """Tell whether tokenizer.json holds all that a legacy file does."""
    whole, part = vocabulary(within or view), legacy_vocabulary(view, path)
    if whole is None or part is None:
        return False
    return part.merges in ((), whole.merges) and all(whole.ids.get(token) == n for token, n in part.ids.items())


def _of_decoder(pair: Pair) -> Iterator[Finding]:
    """Compare ``added_tokens_decoder`` where it says what tokenizer.json does not."""
    if CONFIG not in pair.changed:
        return
    old, new = (decoder(view) for view in (pair.before, pair.after))
    moved = [t for t, row in old.items() if t in new and new[t] != row]
    gone = [t for t in old.keys() - new.keys() if not _is_known(pair, t, old[t])] if new or not _has_fast(pair) else []
    if moved or gone:
        tokens = moved + gone
        message = f"{count(tokens)} of {CONFIG} differ or are gone ({some(tokens)}): {_STORED}"
        yield Finding(f"{CONFIG}:added_tokens_decoder", message)


def _has_fast(pair: Pair) -> bool:
    return all(TOKENIZER in view.side.files for view in (pair.before, pair.after))


def _is_known(pair: Pair, token: str, row: tuple[int, str]) -> bool:
    whole = vocabulary(pair.after)
    return whole is not None and whole.ids.get(token) == row[0]


def count(tokens: Sequence[str]) -> str:
    """Say how many tokens there are."""
    return f"{len(tokens)} token{'' if len(tokens) == 1 else 's'}"


def some(tokens: Sequence[str]) -> str:
    """Name the first three."""
    return ", ".join(shown(token, 40) for token in tokens[:3]) + (" …" if len(tokens) > 3 else "")


token_ids = rule(
    "token-ids",
    Bump.MAJOR,
    change="an existing token's id, merges, normalizer, pre-tokenizer, post-processor; padding, truncation, decoding",
    breaks="cached ids, grammars",
    seen="tokenizer files + probe texts",
    example=(
        "The tokenizer was trained again, and `hello` goes from 31373 to 8123.",
        "Prompts that were tokenized and cached yesterday are gibberish today.",
    ),
)(_tokens)


RULES = (token_ids,)
