"""The rule on tokens: ids that callers have stored must keep their meaning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import PurePosixPath
from typing import Any

from hfver.core.plural import counted
from hfver.core.version import Bump
from hfver.model.compare.json_values import brief, printable, same_value
from hfver.model.compare.keys import match_setting
from hfver.model.compare.loaded_tokenizers import loaded_comparison, loaded_comparisons
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.probe_texts import TEXTS
from hfver.model.compare.rule import Rule, RuleMatch
from hfver.model.compare.rules.loaded import STORED, first_tokens, match_loaded
from hfver.model.compare.settings import all_settings
from hfver.model.compare.tokenizer_probe import TokenizerProbe, probe_tokenizers
from hfver.model.compare.tokenizer_state import (
    CONFIG,
    LEGACY,
    TOKENIZER,
    TokenizerState,
    added_tokenizer,
    added_tokens_decoder,
    appended_tokens,
    read_legacy_tokenizer,
    read_tokenizer,
)

_BINARY = re.compile(r"(.*/)?([^/]*\.(model|spm|tiktoken)|tekken\.json|sentencepiece[^/]*\.bpe[^/]*|vocab\.bpe)")


def _tokens(pair: Pair) -> Iterable[RuleMatch]:
    # With no tokenizer before, there is nothing to compare token by token or setting by setting.
    if added := added_tokenizer(pair):
        message = (
            "A tokenizer was added where there was none: AutoTokenizer and pipelines now tokenize text with it, and "
            "callers who brought token ids or a tokenizer of their own may get different ids."
        )
        yield RuleMatch(added[0], message, None, ", ".join(added), files=added)
        return
    found = [
        match_setting(setting, "text is padded, truncated or decoded differently.")
        for setting in all_settings(pair)
        if setting.rule == "token-ids"
    ]
    found += _in_files(pair)
    yield from found
    # What the files show in detail is not reported once more.
    reported = {match.where.partition(":")[2] for match in found}
    for comparison in loaded_comparisons(pair).values():
        if comparison is not None:
            yield from (match for match in match_loaded(pair, comparison) if not _is_reported(match, reported))


def _is_reported(match: RuleMatch, reported: Set[str]) -> bool:
    return match.where.partition(":")[2] in reported


def _in_files(pair: Pair) -> Iterator[RuleMatch]:
    loaded = loaded_comparison(pair)
    # A tokenizer.json that comes to older files is compared with them by loading both.
    if TOKENIZER in pair.changed_files and (loaded is None or any(pair.on_both([TOKENIZER]))):
        yield from _in_tokenizer_json(pair)
    for path in pair.changed_files:
        name = PurePosixPath(path).name
        if name in LEGACY:
            yield from _in_legacy_file(pair, path)
        elif _BINARY.fullmatch(path) and path in pair.before.files and not _is_loaded(pair, path):
            verb = "changed" if path in pair.after.files else "was removed"
            message = f"{printable(path)} {verb}: hfver cannot read this format, so any token id may have changed."
            yield RuleMatch(path, message, note=f"{printable(path)} is compared only byte by byte.")
    if loaded is None:
        yield from _in_tokenizer_config(pair)


def _is_loaded(pair: Pair, path: str) -> bool:
    """Return whether both sides' tokenizers were loaded from this file, so that their state says what changed in it."""
    folder = str(PurePosixPath(path).parent)
    loaded = loaded_comparison(pair, folder)
    beside = str(PurePosixPath(folder) / TOKENIZER)
    # Where there is a tokenizer.json, it is loaded instead.
    is_read = path in pair.after.files and beside not in {**pair.before.files, **pair.after.files}
    return loaded is not None and path in loaded.paths and is_read


def _in_tokenizer_json(pair: Pair) -> Iterator[RuleMatch]:
    old, new = read_tokenizer(pair.before), read_tokenizer(pair.after)
    if old is None or new is None:
        message = f"{TOKENIZER} could not be read on both sides, so any token id may have changed."
        yield RuleMatch(TOKENIZER, message, note=message)
        return
    yield from _ids(TOKENIZER, old, new)
    yield from _merges(TOKENIZER, old, new)
    yield from _flags(old, new)
    yield from _parts_and_texts(pair, old, new)


def _ids(path: str, old: TokenizerState, new: TokenizerState) -> Iterator[RuleMatch]:
    where = f"{path}:vocab"
    # A token that lost, changed or shares its id breaks stored ids. A new token does not.
    removed = [token for token in old.ids if token not in new.ids]
    if removed:
        verb = "was" if len(removed) == 1 else "were"
        message = f"{counted(len(removed), 'token')} {verb} removed ({first_tokens(removed)}): {STORED}"
        yield RuleMatch(where, message, first_tokens(removed), None)
    changed = [token for token, number in old.ids.items() if new.ids.get(token, number) != number]
    if changed:
        token = changed[0]
        before, after = old.ids[token], new.ids[token]
        if len(changed) == 1:
            message = f"The id of {printable(token)!r} changed from {before} to {after}: {STORED}"
        else:
            name = printable(token)
            message = f"The ids of {len(changed)} tokens changed ({name!r}: from {before} to {after}): {STORED}"
        yield RuleMatch(where, message, brief(before), brief(after))
    reused = [token for token, number in new.ids.items() if token not in old.ids and number in old.used_ids]
    # After a removal, a reused id is the same event once more.
    if reused and not removed:
        message = (
            f"{counted(len(reused), 'new token')} {'uses an id' if len(reused) == 1 else 'use ids'} of existing tokens "
            f"({first_tokens(reused)}): {STORED}"
        )
        yield RuleMatch(where, message)
    scored = [token for token in old.scores if token in new.scores and old.scores[token] != new.scores[token]]
    if scored:
        number = counted(len(scored), "token")
        yield RuleMatch(
            where, f"The score of {number} changed ({first_tokens(scored)}): text is tokenized differently."
        )


def _merges(path: str, old: TokenizerState, new: TokenizerState) -> Iterator[RuleMatch]:
    if old.merges != new.merges:
        before, after = len(old.merges), len(new.merges)
        message = f"The merges changed ({before} before, {after} now): text is tokenized differently."
        yield RuleMatch(f"{path}:merges", message, before, after)


def _flags(old: TokenizerState, new: TokenizerState) -> Iterator[RuleMatch]:
    # A token that becomes an added token, or stops being one, is matched before the text is split.
    tokens = [token for token in old.flags if token in new.flags and old.flags[token] != new.flags[token]]
    tokens += [token for token in old.ids if token in new.ids and (token in old.flags) != (token in new.flags)]
    if tokens:
        message = (
            f"The flags of {counted(len(tokens), 'token')} changed ({first_tokens(tokens)}): they are matched in text, "
            "or left out of decoded text, differently."
        )
        yield RuleMatch(f"{TOKENIZER}:added_tokens", message, None, first_tokens(tokens))


def _parts_and_texts(pair: Pair, old: TokenizerState, new: TokenizerState) -> Iterator[RuleMatch]:
    raw = _different_parts(old.parts, new.parts)
    # New tokens can change how existing text is tokenized, so they are tried on the texts as well.
    if not raw and not appended_tokens(old, new):
        return
    # The library spells out defaults, so it can tell a changed part from one that is only written differently.
    probes = probe_tokenizers(pair)
    loaded = loaded_comparison(pair)
    if probes and probes[0].ids == probes[1].ids and loaded is not None and not loaded.is_breaking:
        return  # the class builds these parts itself, whatever the file says
    for key in raw if probes is None else _different_parts(probes[0].parts, probes[1].parts):
        message = f"The {key} of the tokenizer changed: text may be tokenized, or ids decoded, differently."
        yield RuleMatch(f"{TOKENIZER}:{key}", message, brief(old.parts.get(key)), brief(new.parts.get(key)))
    if probes is None:
        message = "The tokenizers could not be tried on fixed texts, so any token id may have changed."
        note = "The tokenizers could not be tried on fixed texts; only their structure was compared."
        yield RuleMatch(TOKENIZER, message, note=note)
    else:
        yield from _texts(*probes)


def _texts(before: TokenizerProbe, after: TokenizerProbe) -> Iterator[RuleMatch]:
    texts = [text for text, one, other in zip(TEXTS, before.ids, after.ids, strict=True) if one != other]
    if texts:
        first = printable(texts[0], 60)
        message = f"{len(texts)} of {len(TEXTS)} fixed texts are tokenized differently, for example {first!r}."
        yield RuleMatch(f"{TOKENIZER}:texts", message)


def _different_parts(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [key for key in sorted(old.keys() | new.keys()) if not same_value(old.get(key), new.get(key))]


def _in_legacy_file(pair: Pair, path: str) -> Iterator[RuleMatch]:
    """Compare vocab.json and the like; adding or removing one that only repeats tokenizer.json is no change."""
    name = printable(path)
    if path not in pair.before.files:
        # A file that a loader reads now shows in what it loads.
        if loaded_comparison(pair) or (TOKENIZER in pair.before.files and _repeats(pair.after, path)):
            return
        yield RuleMatch(path, f"{name} was added: a tokenizer that reads it may return different ids.")
    elif path not in pair.after.files:
        if not _repeats(pair.before, path, pair.after):
            yield RuleMatch(path, f"{name} was removed, and {TOKENIZER} does not contain all of it: {STORED}")
    else:
        old, new = read_legacy_tokenizer(pair.before, path), read_legacy_tokenizer(pair.after, path)
        if old is None or new is None:
            yield RuleMatch(path, f"{name} could not be read on both sides, so any token id may have changed.")
            return
        yield from _ids(path, old, new)
        yield from _merges(path, old, new)


def _repeats(side: ParsedSide, path: str, within: ParsedSide | None = None) -> bool:
    """Return whether tokenizer.json contains everything that a legacy file does."""
    whole, part = read_tokenizer(within or side), read_legacy_tokenizer(side, path)
    if whole is None or part is None:
        return False
    return part.merges in ((), whole.merges) and all(whole.ids.get(token) == n for token, n in part.ids.items())


def _in_tokenizer_config(pair: Pair) -> Iterator[RuleMatch]:
    """Compare ``added_tokens_decoder``, as far as tokenizer.json does not hold the same tokens."""
    if CONFIG not in pair.changed_files:
        return
    old, new = (added_tokens_decoder(side) for side in (pair.before, pair.after))
    changed = [token for token, row in old.items() if token in new and new[token] != row]
    # transformers 5 no longer writes the table: without it, tokenizer.json is what counts.
    if new or not _both_have_tokenizer_json(pair):
        changed += [token for token in old.keys() - new.keys() if not _is_known(pair, token, old[token])]
    if changed:
        verb = "was" if len(changed) == 1 else "were"
        message = (
            f"{counted(len(changed), 'added token')} in {CONFIG} {verb} changed or removed ({first_tokens(changed)}): "
            f"{STORED}"
        )
        yield RuleMatch(f"{CONFIG}:added_tokens_decoder", message)


def _both_have_tokenizer_json(pair: Pair) -> bool:
    return all(TOKENIZER in side.files for side in (pair.before, pair.after))


def _is_known(pair: Pair, token: str, row: tuple[int, str]) -> bool:
    whole = read_tokenizer(pair.after)
    return whole is not None and whole.ids.get(token) == row[0]


token_ids = Rule(
    "token-ids",
    Bump.MAJOR,
    change="an existing token's id, merges, normalizer, pre-tokenizer, post-processor, padding, truncation or decoding"
    " changed; a tokenizer added where there was none",
    breaks="cached ids, grammars",
    seen="tokenizer files, and the tokenizer that AutoTokenizer loads",
    example=(
        "The tokenizer was trained again, and the id of `hello` changes from 31373 to 8123.",
        "Prompts that were tokenized and cached yesterday are gibberish today.",
    ),
    detect=_tokens,
)


RULES = (token_ids,)
