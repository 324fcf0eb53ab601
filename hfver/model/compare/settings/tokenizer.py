"""``tokenizer_config.json`` and the legacy ``special_tokens_map.json``: special tokens, flags and the class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.keys import ChangedSetting, KeyRules, changed_settings
from hfver.model.compare.loaded_tokenizers import LoadedComparison, loaded_comparisons
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.tokenizer_state import TOKENIZER, added_tokenizer, added_tokens_decoder, read_tokenizer

_CONFIG = "tokenizer_config.json"
_MAP = "special_tokens_map.json"
_NAMES = (_CONFIG, _MAP)
_HUGE = 10**20
"""From here on ``model_max_length`` means "no limit"; transformers writes 1e30 (VERY_LARGE_INTEGER)."""
_EXTRA = ("additional_special_tokens", "extra_special_tokens")
_RULES = KeyRules.compile(
    [
        ("special-ids", r"(?!add_)(\w+_)?token|(additional|extra|model_specific)_special_tokens(\..*)?"),
        ("context", r"model_max_length|max_len"),
        ("remote-code", r"(.*\.)?(auto_map|custom_pipelines)(\..*)?|(.*\.)?_\w+_internal(\..*)?"),
        (
            "token-ids",
            r"padding_side|truncation_side|pad_token_type_id|pad_to_multiple_of|clean_up_tokenization_spaces"
            r"|split_special_tokens|errors|decode\w*",
        ),
        (
            "tokenizer-class",
            r"tokenizer_class|add_(bos|eos|prefix)\w*|legacy|use_fast|use_default_system_prompt|sp_model_kwargs(\..*)?"
            r"|do_lower_case|do_basic_tokenize|tokenize_chinese_chars|strip_accents|never_split|from_slow|spaces_between_"
            r"\w+|wordpieces_prefix|trim_offsets|keep_accents|remove_space|backend|fast_tokenizer|tokenizer_type|vocab_type",
        ),
        (
            "metadata",
            r"name_or_path|_?special_tokens_map_file|tokenizer_file|vocab_file|merges_file|processor_class|is_local|local_files_only"
            r"|transformers_version|_commit_hash|device_map|added_tokens_decoder|max_length|stride|padding|truncation"
            r"|truncation_strategy|unsloth_\w+",
        ),
    ]
)

# The defaults of transformers 5.23 (PreTrainedTokenizerBase.__init__), …
_BASE: dict[str, Any] = {
    "padding_side": "right",
    "truncation_side": "right",
    "pad_token_type_id": 0,
    "pad_to_multiple_of": None,
    "split_special_tokens": False,
}
# … those of classes that differ (None: the default depends on more than the class), …
_LEFT = {"padding_side": "left"}
_CLASSES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("CodeLlamaTokenizer", "CohereTokenizer", "CpmAntTokenizer", "GemmaTokenizer"), _LEFT),
    **dict.fromkeys(("MistralCommonBackend", "MistralCommonTokenizer", "Siglip2Tokenizer"), _LEFT),
    # With a byte-level tokenizer.json, transformers 5 loads a TokenizersBackend instead, and transformers 4 does not.
    "LlamaTokenizer": {"padding_side": None},
    "CpmTokenizer": {"pad_token_type_id": None},
    "XLNetTokenizer": {"padding_side": "left", "pad_token_type_id": None},
}
# … and where tokenizer.json stores what the tokenizer was last called with.
_STORED = {
    "padding_side": ("padding", "direction"),
    "truncation_side": ("truncation", "direction"),
    "pad_token_type_id": ("padding", "pad_type_id"),
    "pad_to_multiple_of": ("padding", "pad_to_multiple_of"),
}

_OF_NEW = frozenset({"special-ids", "token-ids", "tokenizer-class"})
"""The rules whose settings are part of a tokenizer that is new as a whole, and which are reported as that."""


def owns(_pair: Pair, path: str) -> bool:
    """Return whether a file holds a tokenizer's settings."""
    return PurePosixPath(path).name in _NAMES


_VISIBLE = frozenset({"padding_side", "truncation_side", "clean_up_tokenization_spaces", "split_special_tokens"})
"""Settings whose effect the state of the loaded tokenizer shows.

transformers 5 ignores ``pad_token_type_id`` and ``pad_to_multiple_of``, but transformers 4 does not: they stay out.
"""


def settings(pair: Pair) -> Iterator[ChangedSetting]:
    """Yield every setting of a tokenizer that differs, whichever of its files contains it."""
    folders = {str(PurePosixPath(path).parent) for path in pair.changed_named(*_NAMES)}
    loaded = loaded_comparisons(pair)
    for folder in sorted(folders | {folder for folder, found in loaded.items() if found}):
        for setting in _in_folder(pair, folder, loaded.get(folder)):
            if setting.rule in _OF_NEW and folder == "." and added_tokenizer(pair):
                continue
            appended = _is_appended(pair, setting, loaded.get(folder))
            yield replace(setting, rule="tokens-appended") if appended else setting


def _in_folder(pair: Pair, folder: str, loaded: LoadedComparison | None) -> Iterator[ChangedSetting]:
    names = [str(PurePosixPath(folder) / name) for name in _NAMES]
    old, new = (effective_settings(side, *names) for side in (pair.before, pair.after))
    saved = str(PurePosixPath(folder) / TOKENIZER)
    old, new = _with_defaults(pair.before, saved, old, new), _with_defaults(pair.after, saved, new, old)
    changed = [name for name in names if name in pair.changed_files]
    spelled = list(changed_settings(changed[0], old, new, _RULES)) if changed else []
    if loaded is None:
        yield from spelled
        return
    # Special tokens and the longest input are those of the loaded tokenizers, wherever they come from.
    yield from (setting for setting in spelled if not _has_no_effect(setting, loaded))
    where = changed[0] if changed else loaded.where(pair)
    effective = changed_settings(where, _effective(loaded, 0), _effective(loaded, 1), _RULES)
    yield from (setting for setting in effective if setting.rule in ("special-ids", "context"))


def _has_no_effect(setting: ChangedSetting, loaded: LoadedComparison) -> bool:
    if setting.rule in ("special-ids", "context"):
        return True
    return setting.rule == "token-ids" and setting.key in _VISIBLE and loaded.part(setting.key) is None


def _effective(loaded: LoadedComparison, side: int) -> dict[str, Any]:
    longest = loaded.model_max_length[side]
    return {**loaded.special[side], "model_max_length": _HUGE if longest is None or _is_unlimited(longest) else longest}


def _with_defaults(side: ParsedSide, saved: str, held: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Add the defaults in effect on this side for keys that only the other side spells out."""
    missing = [key for key in _BASE if key in other and key not in held]
    found = {key: _default(side, saved, held, key) for key in missing}
    return held | {key: value for key, value in found.items() if value is not None}


def _default(side: ParsedSide, saved: str, held: dict[str, Any], key: str) -> Any:
    """Return the value that transformers uses for an absent key; None if only loading the tokenizer would show it.

    What tokenizer.json was saved with has precedence (TokenizersBackend.__init__) over the default of the class.
    """
    whole = side.json(saved)
    if saved in side.files and not isinstance(whole, dict):
        return None
    stored = _stored(whole, key) if isinstance(whole, dict) else None
    return _default_of_class(side, held, key) if stored is None else stored


def _stored(whole: dict[str, Any], key: str) -> Any:
    part, name = _STORED.get(key, ("", ""))
    inner = whole.get(part)
    value = inner.get(name) if isinstance(inner, dict) else None
    return value.lower() if isinstance(value, str) else value


def _default_of_class(side: ParsedSide, held: dict[str, Any], key: str) -> Any:
    kind = held.get("tokenizer_class")
    # Without a class, transformers chooses one by the model's type. Code from the repo may have any default, and
    # tekken.json is loaded by another library.
    if not isinstance(kind, str) or "auto_map" in held or "tekken.json" in side.files:
        return None
    return _CLASSES.get(kind.removesuffix("Fast"), {}).get(key, _BASE[key])


def _is_appended(pair: Pair, setting: ChangedSetting, loaded: LoadedComparison | None) -> bool:
    """Return whether a list of special tokens only gained tokens that did not exist before."""
    if setting.key != _EXTRA[0]:
        return False
    old, new = (set(value) if isinstance(value, list) else set() for value in (setting.before, setting.after))
    if loaded is not None:
        return old <= new and new - old <= loaded.tokens.appended.keys()
    known = read_tokenizer(pair.before)
    if known is None or TOKENIZER not in pair.changed_files:
        return False
    return old <= new and not (new - old) & (known.ids.keys() | added_tokens_decoder(pair.before).keys())


def effective_settings(side: ParsedSide, config: str = _CONFIG, special: str = _MAP) -> dict[str, Any]:
    """Merge both files, with tokens as plain text and without what is compared elsewhere or has no effect."""
    merged = dict(side.object(config))
    # With the table of added tokens, transformers does not read the other file; without, that file wins.
    if "added_tokens_decoder" not in merged:
        merged |= side.object(special)
    # Added tokens are compared together with the vocabulary, chat templates by what they render.
    for key in ("added_tokens_decoder", "chat_template"):
        merged.pop(key, None)
    plain = {key: _plain(value) for key, value in merged.items()}
    # The lists of both files are joined, unlike all else.
    lists = [plain.pop(key, None) for key in _EXTRA] + [_plain(side.object(config).get(key)) for key in _EXTRA]
    extra = {str(token) for held in lists for token in _listed(held)}
    if extra:
        plain["additional_special_tokens"] = sorted(extra)
    if _is_unlimited(plain.get("model_max_length", _HUGE)):
        plain["model_max_length"] = _HUGE
    return {key: value for key, value in plain.items() if value is not None and value != ""}


def _plain(value: Any) -> Any:
    if isinstance(value, dict) and isinstance(value.get("content"), str):
        return value["content"]
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _listed(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _is_unlimited(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= _HUGE
