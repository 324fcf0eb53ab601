"""``tokenizer_config.json`` and its legacy neighbours: special tokens, flags, class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from hfver.compare.pair import Pair, View
from hfver.compare.settings import Setting, Table, differing
from hfver.compare.vocabulary import TOKENIZER, decoder, vocabulary

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
            r"padding_side|truncation_side|clean_up_tokenization_spaces|split_special_tokens|errors|decode\w*",
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


def owns(_pair: Pair, path: str) -> bool:
    """Tell whether a file holds a tokenizer's settings."""
    return PurePosixPath(path).name in _NAMES


def settings(pair: Pair) -> Iterator[Setting]:
    """Yield every setting of a tokenizer that differs, whichever of its files holds it."""
    for folder in sorted({str(PurePosixPath(path).parent) for path in pair.named(*_NAMES)}):
        names = [str(PurePosixPath(folder) / name) for name in _NAMES]
        where = next(name for name in names if name in pair.changed)
        old, new = (effective(view, *names) for view in (pair.before, pair.after))
        for setting in differing(where, old, new, _RULES):
            yield replace(setting, rule="tokens-appended") if _is_appended(pair, setting) else setting


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
