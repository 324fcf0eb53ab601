"""Rules on tokenizers whose existing tokens are unchanged: new tokens, and a different class or flag."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from hfver.core.plural import counted
from hfver.core.version import Bump
from hfver.model.compare.json_values import brief
from hfver.model.compare.keys import ChangedSetting, match_setting
from hfver.model.compare.loaded_tokenizers import LoadedComparison, loaded_comparison, loaded_comparisons
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.rule import Rule, RuleMatch
from hfver.model.compare.rules.loaded import describe_texts, first_tokens
from hfver.model.compare.settings import all_settings
from hfver.model.compare.tokenizer_state import (
    CONFIG,
    LEGACY,
    TOKENIZER,
    TokenizerState,
    added_tokens_decoder,
    appended_tokens,
    read_legacy_tokenizer,
    read_tokenizer,
)

_INPUT = re.compile(r"(.*\.)?(embed_tokens|wte|word_embeddings|tok_embeddings|embed_in|shared)\.weight")


def _embedding_rows(side: ParsedSide) -> int | None:
    """Return how many tokens the embedding has room for; None if nothing says so."""
    found = [t.shape[0] for name, t in side.main_tensors.items() if _INPUT.fullmatch(name) and len(t.shape) == 2]
    if found:
        # With several embeddings, such as those of encoder and decoder, the smallest one is the limit.
        return min(found)
    config = side.object("config.json")
    # Multimodal configs keep the size in a nested text_config.
    inner = [config, *(value for value in config.values() if isinstance(value, dict))]
    sizes = [held["vocab_size"] for held in inner if type(held.get("vocab_size")) is int]
    return min(sizes, default=None)


def _appended(pair: Pair) -> Iterable[RuleMatch]:
    found = _find_appended(pair)
    if found:
        files = {
            path
            for comparison in loaded_comparisons(pair).values()
            if comparison
            for path in comparison.changed_files(pair)
        }
        yield replace(_match_appended(found, _embedding_rows(pair.after)), files=tuple(sorted(files)))
    for setting in all_settings(pair):
        if setting.rule == "tokens-appended":
            yield match_setting(setting, "the new tokens are special, and all other tokens are unchanged.")


def _find_appended(pair: Pair) -> dict[str, tuple[int, str]]:
    """Return the id of each new token, and the file that it was found in."""
    found: dict[str, tuple[int, str]] = {}
    for path in (TOKENIZER, *LEGACY):
        if path in pair.changed_files:
            old, new = _tokenizers(pair, path)
            # A whole tokenizer.json that is new beside legacy files repeats their tokens.
            if old.ids or path != TOKENIZER:
                found |= {token: (new.ids[token], path) for token in appended_tokens(old, new)}
    for comparison in loaded_comparisons(pair).values():
        if comparison is not None:
            where = comparison.where(pair)
            found |= {t: (number, where) for t, number in comparison.tokens.appended.items() if t not in found}
    if loaded_comparison(pair):
        return found
    if CONFIG in pair.changed_files and added_tokens_decoder(pair.before):
        old_rows, new_rows = added_tokens_decoder(pair.before), added_tokens_decoder(pair.after)
        found |= {t: (row[0], CONFIG) for t, row in new_rows.items() if t not in old_rows and t not in found}
    return found


def _tokenizers(pair: Pair, path: str) -> tuple[TokenizerState, TokenizerState]:
    nothing = TokenizerState({})
    if path == TOKENIZER:
        return read_tokenizer(pair.before) or nothing, read_tokenizer(pair.after) or nothing
    if not any(pair.on_both([path])):
        return nothing, nothing
    return read_legacy_tokenizer(pair.before, path) or nothing, read_legacy_tokenizer(pair.after, path) or nothing


def _match_appended(found: dict[str, tuple[int, str]], rows: int | None) -> RuleMatch:
    tokens = list(found)
    where = f"{found[tokens[0]][1]}:vocab"
    last = max(number for number, _ in found.values())
    names = first_tokens(tokens)
    single = len(tokens) == 1
    what = f"{counted(len(tokens), 'token')} {'was' if single else 'were'} added ({names})"
    if rows is None:
        message = f"{what}, and nothing in the checkpoint says how many rows the embedding has."
        return RuleMatch(where, message, None, names, level=Bump.MAJOR, note=message)
    if last >= rows:
        message = (
            f"{what} with {'id' if single else 'ids up to'} {last}, but the embedding has only {counted(rows, 'row')}: "
            f"using {'it' if single else 'them'} fails."
        )
        return RuleMatch(where, message, rows, brief(last), level=Bump.MAJOR)
    return RuleMatch(where, f"{what} in spare embedding rows; all other tokens keep their ids.", None, names)


tokens_appended = Rule(
    "tokens-appended",
    Bump.MINOR,
    change="new tokens, in spare rows only",
    breaks="nobody",
    seen="new ids compared with the embedding's rows",
    levels="major where the embedding has no rows for them, or nobody knows",
    example=(
        "`<|tool|>` gets id 32001, and the embedding has 32064 rows.",
        "All existing tokens keep their ids.",
    ),
    detect=_appended,
)


def _class(pair: Pair) -> Iterable[RuleMatch]:
    for setting in all_settings(pair):
        if setting.rule == "tokenizer-class":
            yield _match_class(setting, loaded_comparison(pair, str(PurePosixPath(setting.path).parent)))


def _match_class(setting: ChangedSetting, loaded: LoadedComparison | None) -> RuleMatch:
    if loaded is None:
        match = match_setting(setting, "the tokenizers could not be loaded, so any token id may have changed.")
        note = "transformers could not load the tokenizers; a changed class or flag counts as changing token ids."
        return replace(match, note=note)
    if not loaded.is_breaking and not loaded.texts:
        return replace(match_setting(setting, "the loaded tokenizer works as before."), level=Bump.PATCH)
    return match_setting(setting, describe_texts(loaded))


tokenizer_class = Rule(
    "tokenizer-class",
    Bump.MAJOR,
    change="`tokenizer_class`, `add_bos_token`, `add_eos_token` or another flag changed",
    breaks="loaders",
    seen="the tokenizer that AutoTokenizer loads",
    levels="patch where the loaded tokenizer is the same",
    example=(
        "`tokenizer_class` changes from PreTrainedTokenizerFast to LlamaTokenizer.",
        "transformers builds a different pre-tokenizer for it, and text is tokenized differently (transformers#48641).",
    ),
    detect=_class,
)

RULES = (tokens_appended, tokenizer_class)
