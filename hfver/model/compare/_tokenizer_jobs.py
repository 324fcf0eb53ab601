"""The job that loads two tokenizers as ``AutoTokenizer`` does, and finds what differs in the loaded objects.

Run by ``sandbox.py`` in a child process, like ``_jobs.py``: the file imports nothing from hfver. Both sides are loaded
in one process, so that the answer holds what differs and not two vocabularies.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any

_SHOWN = 160
"""Characters of a value that are reported."""
_EXAMPLES = 4
"""How many tokens are reported where many differ."""
_DEPTH = 12
"""Levels of objects within objects that are compared; real tokenizers have about four."""
_FLAGS = ("special", "lstrip", "rstrip", "single_word", "normalized")

# What is compared elsewhere, or says only where the files were.
_SKIPPED = {
    *("_tokenizer", "init_kwargs", "init_inputs", "name_or_path", "_processor_class", "chat_template", "is_local"),
    *("local_files_only", "_special_tokens_map", "_extra_special_tokens", "_added_tokens_decoder"),
    *("_added_tokens_encoder", "tokens_trie", "total_vocab_size", "deprecation_warnings", "verbose", "backend"),
    *("model_specific_special_tokens", "SPECIAL_TOKENS_ATTRIBUTES", "files_loaded", "model_max_length"),
    *("response_schema", "response_template", "chat_control_tokens", "_auto_class", "vocab_files_names"),
    *("vocab_file", "merges_file", "_should_update_post_processor"),
}
# Methods that only build, save or describe a tokenizer: what they read or do has no effect on text.
_BUILDING = re.compile(
    r"__init__|__new__|__repr__|__reduce\w*|__getstate__|__setstate__|__deepcopy__|convert_to_native_format|"
    r"_?convert_from_\w+|convert_added_tokens|_?from_pretrained|_?save_\w+|push_to_hub|register_for_auto_class|"
    r"_create_repo|_upload_\w+|_get_files_timestamps|_set_processor_class|train_new_from_iterator|_patch_mistral_regex"
)


class _Opaque(Exception):
    """A tokenizer holds an object that cannot be compared by value."""


def loaded(question: dict[str, Any]) -> dict[str, Any]:
    """Load both sides and compare them.

    Args:
        question: ``sides``, the files of each by name, in base64; ``texts``, what to encode where the states differ.

    Returns:
        What ``tokenizer_probe.LoadedComparison`` holds.
    """
    # Tokenizers work without torch, whose import takes longer than everything else.
    sys.modules["torch"] = None  # type: ignore[assignment]
    before, after = (_load(files) for files in question["sides"])
    old, new = _State(before), _State(after)
    tokens = _compare_tokens(old, new)
    appended = {token for token, _ in tokens["appended"]}
    answer = {
        "classes": [type(before).__name__, type(after).__name__],
        "parts": list(_compare_parts(old, new)),
        "attributes": list(_compare_attributes(old, new)),
        "special": [old.special, new.special],
        "model_max_length": [before.model_max_length, after.model_max_length],
        "tokens": tokens,
    }
    # Equal states give equal ids, and encoding is the part that hostile patterns can make slow.
    is_equal = not (answer["parts"] or answer["attributes"] or appended) and not _moves(tokens)
    answer["texts"] = [] if is_equal else _different_texts(before, after, question["texts"])
    return answer


def _moves(tokens: dict[str, Any]) -> bool:
    return any(tokens[kind] for kind in ("removed", "moved", "reused", "flags", "scores", "merges"))


def _load(files: dict[str, str]) -> Any:
    from transformers import AutoTokenizer

    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(base64.b64decode(content))
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        # Paths of files that were read say nothing about the tokenizer.
        for name, value in list(vars(tokenizer).items()):
            if isinstance(value, str) and value.startswith(folder):
                vars(tokenizer)[name] = value[len(folder) :]
        return tokenizer


class _State:
    """Everything that determines what a loaded tokenizer does."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        backend: Any = getattr(tokenizer, "_tokenizer", None)
        self.has_backend = hasattr(backend, "to_str")
        raw = json.loads(backend.to_str()) if self.has_backend else {}
        model = raw.pop("model", None) or {}
        raw.pop("added_tokens", None)
        self.ids: dict[str, int] = dict(tokenizer.get_vocab())
        self.merges = model.pop("merges", [])
        vocab = model.pop("vocab", None)
        for key in ("continuing_subword_prefix", "end_of_word_suffix"):
            # For BPE, an empty affix and none are the same; classes differ in which of them they write.
            if model.get("type") == "BPE" and model.get(key) == "":
                model[key] = None
        self.scores = dict(vocab) if isinstance(vocab, list) else {}
        self.flags = {
            str(token): [bool(getattr(token, flag)) for flag in _FLAGS]
            for token in tokenizer.added_tokens_decoder.values()
        }
        self.parts: dict[str, Any] = {**raw, "model": model, "backend": self.has_backend}
        if self.has_backend:
            # Written into no file, but it decides whether special tokens in text are recognized.
            self.parts["encode_special_tokens"] = backend.encode_special_tokens
        self.special = self._special()
        self.methods = dict(_methods(type(tokenizer)))
        self.attributes = dict(self._attributes())

    def _special(self) -> dict[str, Any]:
        named = {key: str(token) for key, token in self.tokenizer.special_tokens_map.items() if isinstance(token, str)}
        return named | {"additional_special_tokens": sorted(map(str, self.tokenizer.extra_special_tokens))}

    def _attributes(self) -> Iterator[tuple[str, Any]]:
        read = _names_read(type(self.tokenizer))
        names = {name for kind in type(self.tokenizer).__mro__ for name in vars(kind)}
        names |= vars(self.tokenizer).keys()
        for name in sorted(names - _SKIPPED):
            value = vars(self.tokenizer).get(name, getattr(type(self.tokenizer), name, None))
            # An attribute that no method reads was only an argument of the constructor.
            if name.startswith("__") or name not in read or callable(value) or _is_descriptor(value):
                continue
            if not self._is_vocabulary(value):
                yield name, _plain(value, _DEPTH)

    def _is_vocabulary(self, value: Any) -> bool:
        """Return whether a value only repeats tokens and ids, which are compared one by one."""
        if isinstance(value, list) and self.has_backend and value and isinstance(value[0], list | tuple):
            return True  # the scores or merges that the backend was built from
        if not isinstance(value, dict) or not value:
            return False
        # Tokens by id as well as ids by token.
        rows = [(key, number) if isinstance(key, str) else (number, key) for key, number in value.items()]
        return all(isinstance(token, str) and self.ids.get(token) == number for token, number in rows)


def _is_descriptor(value: Any) -> bool:
    return isinstance(value, property | classmethod | staticmethod) or hasattr(type(value), "__get__")


def _methods(kind: type) -> Iterator[tuple[str, str]]:
    """Yield the name of each method that can affect text, and which class's it is."""
    for name in dir(kind):
        if _BUILDING.fullmatch(name):
            continue
        value = next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)
        for function in _functions(value):
            if function.__module__.startswith(("transformers.", "tokenizers")):
                yield name, f"{function.__module__}.{function.__qualname__}"


def _functions(value: Any) -> Iterator[FunctionType]:
    if isinstance(value, property):
        for part in (value.fget, value.fset):
            yield from _functions(part)
    elif isinstance(value, classmethod | staticmethod):
        yield from _functions(value.__func__)
    elif isinstance(value, FunctionType):
        yield value


def _names_read(kind: type) -> set[str]:
    """Return every attribute that a method of a class names, apart from those that only build or save it."""
    found: set[str] = set()
    for base in kind.__mro__:
        if base is object:
            continue
        for name, value in vars(base).items():
            if not _BUILDING.fullmatch(name):
                for function in _functions(value):
                    found |= _names_in(function.__code__)
    # Read by name: getattr(self, f"_{key}") and the like.
    return found


def _names_in(code: CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return {*code.co_names, *(text for text in code.co_consts if isinstance(text, str))}.union(*map(_names_in, inner))


def _plain(value: Any, depth: int) -> Any:
    """Return a value as JSON can hold it, in one form only.

    Raises:
        _Opaque: It holds something whose state cannot be seen.
    """
    if depth == 0:
        raise _Opaque("objects within objects")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return ["bytes", hashlib.sha256(value).hexdigest()]
    if isinstance(value, dict):
        pairs = [[_plain(key, depth - 1), _plain(item, depth - 1)] for key, item in value.items()]
        return ["dict", sorted(pairs, key=lambda pair: json.dumps(pair[0]))]
    if isinstance(value, list | tuple):
        return [_plain(item, depth - 1) for item in value]
    if isinstance(value, set | frozenset):
        return ["set", sorted((_plain(item, depth - 1) for item in value), key=json.dumps)]
    return _plain_object(value, depth)


def _plain_object(value: Any, depth: int) -> Any:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, re.Pattern):
        return [kind, value.pattern, value.flags]
    if isinstance(value, enum.Enum):
        return [kind, value.name]
    if isinstance(value, FunctionType | MethodType | type):
        return [kind, f"{value.__module__}.{value.__qualname__}"]
    if type(value).__name__ == "AddedToken":
        return [kind, value.content, *(bool(getattr(value, flag)) for flag in _FLAGS)]
    if hasattr(value, "serialized_model_proto"):
        return [kind, hashlib.sha256(value.serialized_model_proto()).hexdigest()]
    if hasattr(value, "pattern") and hasattr(value, "flags"):  # compiled by the regex package
        return [kind, str(value.pattern), int(value.flags)]
    if kind.startswith("transformers.") and hasattr(value, "__dict__"):
        return [kind, _plain(vars(value), depth - 1)]
    raise _Opaque(kind)


def _compare_tokens(old: _State, new: _State) -> dict[str, Any]:
    used = set(old.ids.values())
    gone = [token for token in old.ids if token not in new.ids]
    added = sorted((number, token) for token, number in new.ids.items() if token not in old.ids)
    moved = [token for token, number in old.ids.items() if new.ids.get(token, number) != number]
    flags = [token for token in old.flags if token in new.flags and old.flags[token] != new.flags[token]]
    flags += [token for token in old.ids if token in new.ids and (token in old.flags) != (token in new.flags)]
    scored = [token for token in old.scores if token in new.scores and old.scores[token] != new.scores[token]]
    return {
        "removed": _examples(gone),
        "moved": _examples(moved),
        "moved_ids": [[old.ids[token], new.ids[token]] for token in moved[:1]],
        # After a removal, a reused id is the same event once more.
        "reused": [] if gone else _examples([token for number, token in added if number in used]),
        "appended": [[token, number] for number, token in added],
        "flags": _examples(flags),
        "scores": _examples(scored),
        "merges": [len(old.merges), len(new.merges)] if old.merges != new.merges else [],
    }


def _examples(tokens: list[str]) -> list[Any]:
    """Return how many tokens there are, and the first of them; nothing if there are none."""
    return [len(tokens), [token[:_SHOWN] for token in tokens[:_EXAMPLES]]] if tokens else []


def _compare_parts(old: _State, new: _State) -> Iterator[list[Any]]:
    for name in sorted(old.parts.keys() | new.parts.keys()):
        one, other = old.parts.get(name), new.parts.get(name)
        if one != other:
            yield [name, _shown(one), _shown(other)]


def _compare_attributes(old: _State, new: _State) -> Iterator[list[Any]]:
    for name in sorted(old.attributes.keys() | new.attributes.keys()):
        one, other = old.attributes.get(name), new.attributes.get(name)
        if one != other:
            yield [name, _shown(one), _shown(other)]
    changed = sorted(
        name for name in old.methods.keys() | new.methods.keys() if old.methods.get(name) != new.methods.get(name)
    )
    if changed:
        yield ["methods", None, ", ".join(changed)[:_SHOWN]]


def _shown(value: Any) -> Any:
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _different_texts(before: Any, after: Any, texts: list[str]) -> list[int]:
    """Return the numbers of the texts that get different ids, or whose ids are decoded differently."""
    return [number for number, text in enumerate(texts) if _uses(before, text) != _uses(after, text)]


def _uses(tokenizer: Any, text: str) -> Any:
    ids = tokenizer(text)["input_ids"]
    return ids, tokenizer.decode(ids), tokenizer.decode(ids, skip_special_tokens=True)


JOBS = {"loaded": loaded}
