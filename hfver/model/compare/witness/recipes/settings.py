"""Witnesses of settings: what the loaded config, generation config, tokenizer or processor holds; else the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from hfver.core.manifest import CARD
from hfver.model.compare.keys import ChangedSetting
from hfver.model.compare.settings import all_settings
from hfver.model.compare.witness.candidate import Candidate, Subject
from hfver.model.compare.witness.probes.setting import lookup

__all__ = ["changed_card", "changed_setting"]

_PROCESSORS = ("preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json")
_TOKENIZERS = ("tokenizer_config.json", "special_tokens_map.json")
_PADDING = ("padding_side", "pad_token_type_id", "pad_to_multiple_of", "pad_token")
_TRUNCATION = ("truncation_side",)
_OLD_NAMES = {"dtype": "torch_dtype"}
_BATCH = ["a", "a longer text of several words"]


def changed_setting(subject: Subject) -> Iterator[Candidate]:
    """Ask what the library holds, then what the file says."""
    for setting in _settings(subject):
        yield from _loaded(subject, setting)
        yield from _written(subject, setting)


def _settings(subject: Subject) -> list[ChangedSetting]:
    return [setting for setting in all_settings(subject.pair) if setting.where == subject.where]


def _loaded(subject: Subject, setting: ChangedSetting) -> Iterator[Candidate]:
    name, folder = PurePosixPath(setting.path).name, subject.parent(setting.path)
    if name in ("config.json", "generation_config.json"):
        kind = name.partition("_")[0] if name.startswith("generation") else "config"
        yield Candidate("config", {"folder": folder, "kind": kind, "key": setting.key}, may_fail=kind == "config")
    elif name in _TOKENIZERS:
        yield from _in_tokenizer(folder, setting.key)
    elif name in _PROCESSORS:
        for mode in ("RGB", "RGBA", "L"):
            yield Candidate("inputs", {"folder": folder, "what": "picture", "mode": mode})
        yield Candidate("inputs", {"folder": folder, "what": "sound"})


def _in_tokenizer(folder: str, key: str) -> Iterator[Candidate]:
    def ask(what: str, given: object) -> Candidate:
        return Candidate("tokenizer", {"folder": folder, "library": "transformers", "what": what, "given": given})

    if key.endswith("_token"):
        yield ask("attribute", f"{key}_id")
    if key in _PADDING:
        yield ask("padded", _BATCH)
    if key in _TRUNCATION:
        yield ask("truncated", _BATCH)
    if key.endswith("special_tokens"):
        yield ask("attribute", "all_special_tokens")
    if key.isidentifier() and not key.startswith("_"):
        yield ask("attribute", key)


def _written(subject: Subject, setting: ChangedSetting) -> Iterator[Candidate]:
    # A special token may be in either of two files, and older files have other names.
    name = PurePosixPath(setting.path)
    paths = [str(name.with_name(other)) for other in _TOKENIZERS] if name.name in _TOKENIZERS else [setting.path]
    top = setting.key.partition(".")[0]
    for path in paths:
        for key in dict.fromkeys((setting.key, setting.name, _OLD_NAMES.get(setting.key, top), top)):
            old, new = (lookup(side.object(path), key) for side in (subject.pair.before, subject.pair.after))
            if old != new:
                yield Candidate("setting", {"file": subject.full(path), "key": key}, "content", old)
    lists = [side.json(setting.path) for side in (subject.pair.before, subject.pair.after)]
    if all(isinstance(held, list) for held in lists) and lists[0] != lists[1]:
        question = {"file": subject.full(setting.path), "key": ""}
        yield Candidate("setting", question, "content", {"value": lists[0]})


def changed_card(subject: Subject) -> Iterator[Candidate]:
    """A field of the card that programs route by."""
    if subject.path != CARD or subject.folder:
        return
    old, new = (side.card.get(subject.part) for side in (subject.pair.before, subject.pair.after))
    if (old is None or isinstance(old, str)) and old != new:
        yield Candidate("card", {"key": subject.part}, "content", old)
