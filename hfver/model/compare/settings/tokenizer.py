"""``tokenizer_config.json`` and its legacy neighbours: special tokens, flags, class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.keys import Setting, Table, differing
from hfver.model.compare.pair import Pair, View
from hfver.model.compare.vocabulary import TOKENIZER, decoder, vocabulary

_CONFIG = "tokenizer_config.json"
_MAP = "special_tokens_map.json"
_NAMES = (_CONFIG, _MAP)
_HUGE = 10**20
_EXTRA = ("additional_special_tokens", "extra_special_tokens")
_RULES = Table.of(
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

# What transformers 5.23 takes where nothing is said (PreTrainedTokenizerBase.__init__), …
_BASE: dict[str, Any] = {
    "padding_side": "right",
    "truncation_side": "right",
    "pad_token_type_id": 0,
    "pad_to_multiple_of": None,
    "split_special_tokens": False,
}
# … what a class says otherwise (None: it depends on more than the class), …
_LEFT = {"padding_side": "left"}
_CLASSES: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("CodeLlamaTokenizer", "CohereTokenizer", "CpmAntTokenizer", "GemmaTokenizer"), _LEFT),
    **dict.fromkeys(("MistralCommonBackend", "MistralCommonTokenizer", "Siglip2Tokenizer"), _LEFT),
    # One with a byte-level tokenizer.json is loaded as TokenizersBackend by transformers 5 and not by 4.
    "LlamaTokenizer": {"padding_side": None},
    "CpmTokenizer": {"pad_token_type_id": None},
    "XLNetTokenizer": {"padding_side": "left", "pad_token_type_id": None},
}
# … and where tokenizer.json keeps what it was last called with.
_BAKED = {
    "padding_side": ("padding", "direction"),
    "truncation_side": ("truncation", "direction"),
    "pad_token_type_id": ("padding", "pad_type_id"),
    "pad_to_multiple_of": ("padding", "pad_to_multiple_of"),
}


def owns(_pair: Pair, path: str) -> bool:
    """Tell whether a file holds a tokenizer's settings."""
    return PurePosixPath(path).name in _NAMES


def settings(pair: Pair) -> Iterator[Setting]:
    """Yield every setting of a tokenizer that differs, whichever of its files holds it."""
    for folder in sorted({str(PurePosixPath(path).parent) for path in pair.named(*_NAMES)}):
        names = [str(PurePosixPath(folder) / name) for name in _NAMES]
        where = next(name for name in names if name in pair.changed)
        old, new = (effective(view, *names) for view in (pair.before, pair.after))
        saved = str(PurePosixPath(folder) / TOKENIZER)
        old, new = _spelled_out(pair.before, saved, old, new), _spelled_out(pair.after, saved, new, old)
        for setting in differing(where, old, new, _RULES):
            yield replace(setting, rule="tokens-appended") if _is_appended(pair, setting) else setting


def _spelled_out(view: View, saved: str, held: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Add the defaults that are in effect on this side, of what only the other side spells out."""
    missing = [key for key in _BASE if key in other and key not in held]
    found = {key: _default(view, saved, held, key) for key in missing}
    return held | {key: value for key, value in found.items() if value is not None}


def _default(view: View, saved: str, held: dict[str, Any], key: str) -> Any:
    """Tell what transformers takes for a key that is absent; None if that cannot be known without loading it.

    What tokenizer.json was saved with goes first (TokenizersBackend.__init__), then the class.
    """
    whole = view.json(saved)
    if saved in view.side.files and not isinstance(whole, dict):
        return None
    baked = _baked(whole, key) if isinstance(whole, dict) else None
    return _of_class(view, held, key) if baked is None else baked


def _baked(whole: dict[str, Any], key: str) -> Any:
    part, name = _BAKED.get(key, ("", ""))
    inner = whole.get(part)
    value = inner.get(name) if isinstance(inner, dict) else None
    return value.lower() if isinstance(value, str) else value


def _of_class(view: View, held: dict[str, Any], key: str) -> Any:
    kind = held.get("tokenizer_class")
    # Code of the folder may say anything, tekken.json calls for another library, and the model's type for a class.
    if not isinstance(kind, str) or "auto_map" in held or "tekken.json" in view.side.files:
        return None
    return _CLASSES.get(kind.removesuffix("Fast"), {}).get(key, _BASE[key])


def _is_appended(pair: Pair, setting: Setting) -> bool:
    """Tell whether a list of special tokens only gained tokens that were not there at all."""
    known = vocabulary(pair.before)
    if setting.key != _EXTRA[0] or known is None or TOKENIZER not in pair.changed:
        return False
    old, new = (set(value) if isinstance(value, list) else set() for value in (setting.before, setting.after))
    return old <= new and not (new - old) & (known.ids.keys() | decoder(pair.before).keys())


def effective(view: View, config: str = _CONFIG, special: str = _MAP) -> dict[str, Any]:
    """Put both files together, tokens by their text; without what is compared elsewhere or means nothing."""
    merged = {**view.object(special), **view.object(config)}
    # Added tokens are compared with the vocabulary, the chat template by what it renders.
    for key in ("added_tokens_decoder", "chat_template"):
        merged.pop(key, None)
    tidied = {key: _tidy(value) for key, value in merged.items()}
    extra = {str(token) for key in _EXTRA for token in _listed(tidied.pop(key, None))}
    if extra:
        tidied["additional_special_tokens"] = sorted(extra)
    if _is_unlimited(tidied.get("model_max_length", _HUGE)):
        tidied["model_max_length"] = _HUGE
    return {key: value for key, value in tidied.items() if value is not None and value != ""}


def _tidy(value: Any) -> Any:
    if isinstance(value, dict) and isinstance(value.get("content"), str):
        return value["content"]
    return [_tidy(item) for item in value] if isinstance(value, list) else value


def _listed(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _is_unlimited(value: Any) -> bool:
    """VERY_LARGE_INTEGER of transformers is 1e30."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= _HUGE
