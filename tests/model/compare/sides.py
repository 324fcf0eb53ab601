"""Described checkpoints, changed in one place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hfver.model.checkpoint import Tensor
from hfver.model.compare import Side
from hfver.model.lineage.record import BaseModelLink, Lineage

Edit = Callable[[Side], Side]


def put(path: str, content: bytes | str) -> Edit:
    data = content.encode() if isinstance(content, str) else content

    def edit(side: Side) -> Side:
        identity = f"sha256:{hashlib.sha256(data).hexdigest()}"
        return replace(side, files={**side.files, path: identity}, texts={**side.texts, path: data})

    return edit


def drop(*paths: str) -> Edit:
    def edit(side: Side) -> Side:
        files = {path: identity for path, identity in side.files.items() if path not in paths}
        return replace(side, files=files, texts={path: data for path, data in side.texts.items() if path in files})

    return edit


def value(side: Side, path: str) -> Any:
    return json.loads(side.texts[path])


def change(path: str, edit: Callable[[Any], Any]) -> Edit:
    """Change the value of a JSON file; the function returns the new value, or changes the old one in place."""

    def apply(side: Side) -> Side:
        held = value(side, path)
        result = edit(held)
        return put(path, json.dumps(held if result is None else result, indent=1))(side)

    return apply


def settings(path: str, **changes: Any) -> Edit:
    """Set keys of a JSON file; ``...`` takes one away."""
    return change(path, lambda held: merged(held, changes))


def merged(held: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    result = {**held, **changes}
    return {key: item for key, item in result.items() if item is not ...}


def config(**changes: Any) -> Edit:
    return settings("config.json", **changes)


def card(**changes: Any) -> Edit:
    return lambda side: replace(side, card=merged(side.card, changes))


def both(*edits: Edit) -> Edit:
    def edit(side: Side) -> Side:
        for one in edits:
            side = one(side)
        return side

    return edit


def same(side: Side) -> Side:
    return side


def tensors(edit: Callable[[Tensor], Tensor | None], *more: Tensor) -> Edit:
    """Change tensors one by one; every file that holds a changed one gets another identity."""

    def apply(side: Side) -> Side:
        found = [(old, edit(old)) for old in side.tensors]
        kept = [new for _, new in found if new] + list(more)
        touched = {one.file for old, new in found if new != old for one in (old, new) if one}
        touched |= {tensor.file for tensor in more}
        files = {p: hash_of(p, kept) if p in touched else i for p, i in side.files.items() if _is_held(p, kept)}
        new_files = {tensor.file: hash_of(tensor.file, kept) for tensor in kept if tensor.file not in files}
        return replace(side, tensors=tuple(sorted(kept, key=lambda t: t.name)), files=files | new_files)

    return apply


def _is_held(path: str, kept: list[Tensor]) -> bool:
    return not path.endswith(".safetensors") or any(tensor.file == path for tensor in kept)


def hash_of(path: str, kept: list[Tensor]) -> str:
    held = sorted(repr(tensor) for tensor in kept if tensor.file == path)
    return f"sha256:{hashlib.sha256(repr(held).encode()).hexdigest()}"


def moving(*names: str) -> Edit:
    """Give tensors other values: all of them, or those of these names."""
    return tensors(lambda t: replace(t, digest="xxh3:" + "0" * 32) if not names or t.name in names else t)


def lineage(**base: Any) -> Edit:
    return lambda side: replace(side, lineage=Lineage(base_model=BaseModelLink(**base)))


def requires(**libraries: str) -> Edit:
    return lambda side: replace(side, lineage=Lineage.model_validate({"requires": libraries}))


def undigested(side: Side) -> Side:
    """What is known of a repo that hfver did not release."""
    return replace(side, tensors=tuple(replace(tensor, digest="") for tensor in side.tensors))
