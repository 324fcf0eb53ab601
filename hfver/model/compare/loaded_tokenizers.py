"""The tokenizers that AutoTokenizer makes of both sides, compared by their whole state.

What the files say is not what a program gets: a tokenizer class may build a normalizer of its own and ignore that of
tokenizer.json, and of two files that name an end-of-text token one wins. Equal states are proof that nothing changed,
whatever the files look like; the fixed texts only illustrate a difference.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from hfver.model.checkpoint.tokenizer_files import TOKENIZER_FILES
from hfver.model.compare.compared_files import is_tokenizer_file
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.probe_texts import TEXTS
from hfver.model.compare.sandbox import run_job
from hfver.model.compare.tokenizer_state import CONFIG, LEGACY, SPECIAL, TOKENIZER

__all__ = ["LoadedComparison", "PartDifference", "TokenDifference", "loaded_comparison", "loaded_comparisons"]

SECONDS = 60.0
"""Time limit for both tokenizers; those with 256,000 tokens load and compare in 10 s on a busy machine."""
_FROM_CONFIG = ("model_type", "tokenizer_class", "model_name", "transformers_version")
"""The keys of config.json that AutoTokenizer chooses the class by, or repairs known faults by."""
_HIDDEN = frozenset({"auto_map", "chat_template", "name_or_path", "gguf_file"})
"""Keys of tokenizer_config.json that are not given to the class: code, paths, and what is compared elsewhere."""


@dataclass(frozen=True)
class TokenDifference:
    """How the tokens of two loaded tokenizers differ. Of many, the first few are named.

    Attributes:
        removed: Tokens that are gone: their number and the first of them; empty if there are none.
        moved: Tokens with a different id, likewise.
        moved_ids: The first moved token's id before and after.
        reused: New tokens whose id belonged to another token.
        appended: Every new token with its id.
        flags: Tokens that are matched in text, or left out of decoded text, differently.
        scores: Tokens with a different score.
        merges: The number of merges before and after; empty if they are the same.
    """

    removed: tuple[int, tuple[str, ...]] | None = None
    moved: tuple[int, tuple[str, ...]] | None = None
    moved_ids: tuple[int, int] | None = None
    reused: tuple[int, tuple[str, ...]] | None = None
    appended: Mapping[str, int] = field(default_factory=dict)
    flags: tuple[int, tuple[str, ...]] | None = None
    scores: tuple[int, tuple[str, ...]] | None = None
    merges: tuple[int, int] | None = None

    @property
    def is_breaking(self) -> bool:
        """Whether anything but new tokens differs."""
        return any((self.removed, self.moved, self.reused, self.flags, self.scores, self.merges))

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> TokenDifference:
        """Read the child's answer."""

        def examples(name: str) -> tuple[int, tuple[str, ...]] | None:
            found = answer[name]
            return (int(found[0]), tuple(map(str, found[1]))) if found else None

        def numbers(found: list[Any]) -> tuple[int, int] | None:
            return (int(found[0]), int(found[1])) if found else None

        return cls(
            removed=examples("removed"),
            moved=examples("moved"),
            moved_ids=numbers(next(iter(answer["moved_ids"]), [])),
            reused=examples("reused"),
            appended={str(token): int(number) for token, number in answer["appended"]},
            flags=examples("flags"),
            scores=examples("scores"),
            merges=numbers(answer["merges"]),
        )


@dataclass(frozen=True)
class PartDifference:
    """A part of the loaded tokenizer that differs, with abbreviated values: ``normalizer`` or ``padding_side``."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class LoadedComparison:
    """What differs between two loaded tokenizers.

    Attributes:
        paths: The files that either of them was loaded from.
        classes: The names of their classes.
        parts: Parts of the backend, attributes and methods that differ.
        special: The special tokens by name, before and after; empty where nothing at all differs.
        model_max_length: The longest input, before and after.
        tokens: How their tokens differ.
        texts: The numbers of the fixed texts that are tokenized or decoded differently.
    """

    paths: frozenset[str]
    classes: tuple[str, str] = ("", "")
    parts: tuple[PartDifference, ...] = ()
    special: tuple[Mapping[str, Any], Mapping[str, Any]] = field(default_factory=lambda: ({}, {}))
    model_max_length: tuple[Any, Any] = (None, None)
    tokens: TokenDifference = field(default_factory=TokenDifference)
    texts: tuple[int, ...] = ()

    @property
    def is_breaking(self) -> bool:
        """Whether known text, or known ids, may be treated differently."""
        return bool(self.parts) or self.tokens.is_breaking

    @property
    def is_equal(self) -> bool:
        """Whether the states are equal, which proves that the tokenizers are."""
        one, other = self.model_max_length
        return not self.is_breaking and not self.tokens.appended and self.special[0] == self.special[1] and one == other

    def where(self, pair: Pair) -> str:
        """Return the file that a change is reported at: the settings if they differ, else the first that does."""
        changed = self.changed_files(pair)
        return min(changed, key=lambda path: PurePosixPath(path).name != CONFIG, default="")

    def changed_files(self, pair: Pair) -> tuple[str, ...]:
        """Return those of its files that differ."""
        return tuple(path for path in pair.changed_files if path in self.paths)

    def part(self, name: str) -> PartDifference | None:
        """Return the difference in a part, if there is one. Attributes may be kept under a private name."""
        return next((part for part in self.parts if part.name.lstrip("_") == name), None)


def loaded_comparison(pair: Pair, folder: str = ".") -> LoadedComparison | None:
    """Return what differs between the tokenizers of a folder; None if a side has none, or it cannot be loaded."""
    return loaded_comparisons(pair).get(folder)


def loaded_comparisons(pair: Pair) -> Mapping[str, LoadedComparison | None]:
    """Load and compare the tokenizers of each folder that has one on both sides and in which a file of it differs.

    Returns:
        The comparison by folder; None for tokenizers that could not be loaded: the library is missing, the class is
        code of the repo or needs another library, or a limit was exceeded.
    """
    return pair.once(_compare_all)


def _compare_all(pair: Pair) -> dict[str, LoadedComparison | None]:
    changed = [path for path in pair.changed_files if is_tokenizer_file(path) or path.endswith("config.json")]
    folders = sorted({str(PurePosixPath(path).parent) for path in changed})
    sides = (pair.before, pair.after)
    return {folder: _compare(pair, folder) for folder in folders if all(_has_tokenizer(side, folder) for side in sides)}


def _has_tokenizer(side: ParsedSide, folder: str) -> bool:
    return any(_in(folder, name) in side.files for name in (*TOKENIZER_FILES, *LEGACY))


def _in(folder: str, name: str) -> str:
    return str(PurePosixPath(folder) / name)


def _compare(pair: Pair, folder: str) -> LoadedComparison | None:
    before, after = (_loadable_files(side, folder) for side in (pair.before, pair.after))
    if before is None or after is None:
        return None
    paths = frozenset(_in(folder, name) for name in before.keys() | after.keys())
    if before == after:
        return LoadedComparison(paths)
    sides = [{name: base64.b64encode(data).decode() for name, data in files.items()} for files in (before, after)]
    answer = run_job("loaded", json.dumps({"sides": sides, "texts": TEXTS}), SECONDS)
    if not isinstance(answer, dict):
        return None
    return LoadedComparison(
        paths=paths,
        classes=(str(answer["classes"][0]), str(answer["classes"][1])),
        parts=tuple(PartDifference(*part) for part in (*answer["parts"], *answer["attributes"])),
        special=(answer["special"][0], answer["special"][1]),
        model_max_length=(answer["model_max_length"][0], answer["model_max_length"][1]),
        tokens=TokenDifference.from_answer(answer["tokens"]),
        texts=tuple(answer["texts"]),
    )


def _loadable_files(side: ParsedSide, folder: str) -> dict[str, bytes] | None:
    """Return the files that a tokenizer is loaded from, without what names code; None if they do not suffice."""
    settings = side.object(_in(folder, CONFIG))
    if side.problem(_in(folder, CONFIG)) or _is_foreign(side, folder, settings):
        return None
    found: dict[str, bytes] = {}
    for path in side.files:
        name = PurePosixPath(path).name
        if str(PurePosixPath(path).parent) != folder or not is_tokenizer_file(path) or name == CONFIG:
            continue
        data = side.content(path)
        if data is not None:
            found[name] = data
        # Without its vocabulary, many a class builds an empty tokenizer and says nothing. Where there is a
        # tokenizer.json, the older files are not read.
        elif _in(folder, TOKENIZER) not in side.files or name in (TOKENIZER, SPECIAL, *LEGACY):
            return None
    return found | dict(_plain_settings(side, folder, settings))


def _is_foreign(side: ParsedSide, folder: str, settings: Mapping[str, Any]) -> bool:
    """Return whether something other than transformers' own classes may load it."""
    maps = (settings.get("auto_map"), side.object(_in(folder, "config.json")).get("auto_map"))
    # A bare list is the form of older files, and means the tokenizer.
    is_code = any(isinstance(held, list) or (isinstance(held, dict) and "AutoTokenizer" in held) for held in maps)
    return is_code or _in(folder, "tekken.json") in side.files


def _plain_settings(side: ParsedSide, folder: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    # A file name in the settings could lead out of the folder.
    kept = {
        key: value
        for key, value in settings.items()
        if key not in _HIDDEN and not key.startswith("_") and not key.endswith(("_file", "_files"))
    }
    if _in(folder, CONFIG) in side.files:
        yield CONFIG, _encoded(kept)
    held = side.object(_in(folder, "config.json"))
    if chosen := {key: held[key] for key in _FROM_CONFIG if isinstance(held.get(key), str)}:
        yield "config.json", _encoded(chosen)


def _encoded(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode(errors="surrogatepass")
