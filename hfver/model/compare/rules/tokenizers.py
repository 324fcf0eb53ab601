"""Rules on tokenizers whose tokens stand: new tokens, and another class or switch."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from hfver.core.version import Bump
from hfver.model.compare.json_values import ABSENT, brief
from hfver.model.compare.keys import Setting, finding
from hfver.model.compare.pair import Pair, View
from hfver.model.compare.probe_texts import TEXTS
from hfver.model.compare.rule import Finding, rule
from hfver.model.compare.rules.tokens import count, some
from hfver.model.compare.settings import all_settings
from hfver.model.compare.tokenizer_process import ask
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

_INPUT = re.compile(r"(.*\.)?(embed_tokens|wte|word_embeddings|tok_embeddings|embed_in|shared)\.weight")


def rows(view: View) -> int | None:
    """Count the rows that the embedding has for tokens; None where nothing says it."""
    found = [t.shape[0] for name, t in view.main_tensors.items() if _INPUT.fullmatch(name) and len(t.shape) == 2]
    if found:
        return min(found)
    config = view.object("config.json")
    inner = [config, *(value for value in config.values() if isinstance(value, dict))]
    sizes = [held["vocab_size"] for held in inner if type(held.get("vocab_size")) is int]
    return min(sizes, default=None)


def _spare(pair: Pair) -> Iterable[Finding]:
    found: dict[str, tuple[int, str]] = {}
    for path in (TOKENIZER, *LEGACY):
        if path in pair.named(path):
            old, new = _vocabularies(pair, path)
            found |= {token: (new.ids[token], path) for token in appended(old, new) if old.ids or path != TOKENIZER}
    if CONFIG in pair.changed and decoder(pair.before):
        old_rows, new_rows = decoder(pair.before), decoder(pair.after)
        found |= {t: (row[0], CONFIG) for t, row in new_rows.items() if t not in old_rows and t not in found}
    if found:
        yield _of_appended(pair, found)
    for setting in all_settings(pair):
        if setting.rule == "tokens-appended":
            yield finding(setting, "the new tokens are special, and every other one stays what it is.")


def _vocabularies(pair: Pair, path: str) -> tuple[Vocabulary, Vocabulary]:
    nothing = Vocabulary({})
    if path == TOKENIZER:
        return vocabulary(pair.before) or nothing, vocabulary(pair.after) or nothing
    if not any(pair.of_both([path])):
        return nothing, nothing
    return legacy_vocabulary(pair.before, path) or nothing, legacy_vocabulary(pair.after, path) or nothing


def _of_appended(pair: Pair, found: dict[str, tuple[int, str]]) -> Finding:
    tokens, room = list(found), rows(pair.after)
    where = f"{found[tokens[0]][1]}:vocab"
    last = max(number for number, _ in found.values())
    what = f"{count(tokens)} came ({some(tokens)})"
    if room is None:
        message = f"{what}, and nothing here says how many rows the embedding has for them."
        return Finding(where, message, None, some(tokens), level=Bump.MAJOR, note=message)
    if last >= room:
        message = f"{what}, up to id {last}, and the embedding has {room} rows: using them fails."
        return Finding(where, message, room, brief(last), level=Bump.MAJOR)
    return Finding(where, f"{what} in spare rows of the embedding; every other token keeps its id.", None, some(tokens))


tokens_appended = rule(
    "tokens-appended",
    Bump.MINOR,
    change="new tokens in spare rows only",
    breaks="nobody",
    seen="set difference; length ≤ rows",
    levels="major where the embedding has no row for them, or nobody knows",
    example=(
        "`<|tool|>` gets id 32001, and the embedding has 32064 rows.",
        "Every token that there was keeps its id.",
    ),
)(_spare)


def _class(pair: Pair) -> Iterable[Finding]:
    settings = [setting for setting in all_settings(pair) if setting.rule == "tokenizer-class"]
    if not settings:
        return
    moved = _texts_moved(pair)
    for setting in settings:
        yield _of_class(setting, moved)


def _of_class(setting: Setting, moved: bool | None) -> Finding:
    if moved is None:
        found = finding(setting, "the tokenizers could not be loaded and tried on texts, so any id may have moved.")
        note = "The tokenizers could not be loaded by transformers; a changed class or flag counts as moving ids."
        return Finding(found.where, found.message, found.before, found.after, note=note)
    if moved:
        return finding(setting, "the same text gives other ids.")
    found = finding(setting, "every fixed text gives the ids that it gave.")
    return Finding(found.where, found.message, found.before, found.after, level=Bump.PATCH)


def _texts_moved(pair: Pair) -> bool | None:
    """Load both tokenizers as transformers does and try the texts; None if that cannot be done."""
    sides = [_files(view) for view in (pair.before, pair.after)]
    if not all(sides):
        return None
    answer = ask("loaded", json.dumps({"sides": sides, "texts": TEXTS}))
    return answer[0] != answer[1] if isinstance(answer, list) and len(answer) == 2 else None


def _files(view: View) -> dict[str, str]:
    """Return what a tokenizer is loaded from, without what names code; empty if some of it is not known."""
    found: dict[str, str] = {}
    if view.problem(CONFIG):
        return found
    for path in (TOKENIZER, *LEGACY, "special_tokens_map.json"):
        if path in view.side.files:
            data = view.text(path)
            if data is None:
                return {}
            found[path] = data.decode(errors="replace")
    kind = view.object("config.json").get("model_type", ABSENT)
    settings = {key: value for key, value in view.object(CONFIG).items() if key != "auto_map" and key[0:1] != "_"}
    settings.pop("chat_template", None)
    found[CONFIG] = json.dumps(settings)
    return found | ({"config.json": json.dumps({"model_type": kind})} if isinstance(kind, str) else {})


tokenizer_class = rule(
    "tokenizer-class",
    Bump.MAJOR,
    change="tokenizer_class, add_bos/eos flags and other switches",
    breaks="loaders",
    seen="probe texts, through AutoTokenizer",
    levels="patch where every probe text gives the same ids",
    example=(
        "`tokenizer_class` goes from PreTrainedTokenizerFast to LlamaTokenizer.",
        "transformers builds another pre-tokenizer for it, and the same text gives other ids (transformers#48641).",
    ),
)(_class)

RULES = (tokens_appended, tokenizer_class)
