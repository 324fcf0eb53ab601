"""Edits: each changes one side of a comparison in one place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hfver.model.checkpoint import Tensor
from hfver.model.compare import Side
from hfver.model.lineage.record import BaseModelLink, Lineage
from tests.model.smoke.tiny import CHATML

Edit = Callable[[Side], Side]


def put(path: str, content: bytes | str) -> Edit:
    data = content.encode() if isinstance(content, str) else content

    def edit(side: Side) -> Side:
        identity = f"sha256:{hashlib.sha256(data).hexdigest()}"
        return replace(side, files={**side.files, path: identity}, contents={**side.contents, path: data})

    return edit


def drop(*paths: str) -> Edit:
    def edit(side: Side) -> Side:
        files = {path: identity for path, identity in side.files.items() if path not in paths}
        return replace(
            side, files=files, contents={path: data for path, data in side.contents.items() if path in files}
        )

    return edit


def value(side: Side, path: str) -> Any:
    return json.loads(side.contents[path])


def change(path: str, edit: Callable[[Any], Any]) -> Edit:
    """Change the value in a JSON file; the function returns the new value, or changes the old one in place."""

    def apply(side: Side) -> Side:
        held = value(side, path)
        result = edit(held)
        return put(path, json.dumps(held if result is None else result, indent=1))(side)

    return apply


def settings(path: str, **changes: Any) -> Edit:
    """Set keys of a JSON file; ``...`` removes one."""
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
    """Change tensors one by one; every file that contains a changed one gets a different identity."""

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
    """Give tensors different values: all of them, or those with these names."""
    return tensors(lambda t: replace(t, digest="xxh3:" + "0" * 32) if not names or t.name in names else t)


def lineage(**base: Any) -> Edit:
    return lambda side: replace(side, lineage=Lineage(base_model=BaseModelLink(**base)))


def requires(**libraries: str) -> Edit:
    return lambda side: replace(side, lineage=Lineage.model_validate({"requires": libraries}))


def undigested(side: Side) -> Side:
    """Remove the digests, which are not known for a repo that hfver did not release."""
    return replace(side, tensors=tuple(replace(tensor, digest="") for tensor in side.tensors))


def tokenizer(edit: Any) -> Edit:
    return change("tokenizer.json", edit)


def swapped(held: Any) -> None:
    vocab = held["model"]["vocab"]
    one, other = sorted(vocab)[40:42]
    vocab[one], vocab[other] = vocab[other], vocab[one]


def appended(number: int, content: str = "<|tool|>") -> Edit:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}

    def edit(held: Any) -> None:
        held["added_tokens"].append({"id": number, "content": content} | flags)

    return tokenizer(edit)


def lowered(held: Any) -> None:
    held["normalizer"] = {"type": "Lowercase"}


def cut_merges(held: Any) -> None:
    held["model"]["merges"].pop()


def old_merges(held: Any) -> None:
    held["model"]["merges"] = [" ".join(pair) for pair in held["model"]["merges"]]


def undefaulted(held: Any) -> None:
    del held["pre_tokenizer"]["use_regex"]


def truncated(held: Any) -> None:
    held["truncation"] = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}


def padded_left(held: Any) -> None:
    strategy = {"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": 8}
    held["padding"] = strategy | {"pad_id": 2, "pad_type_id": 0, "pad_token": "<pad>"}


def template(text: str) -> Edit:
    return put("chat_template.jinja", text)


def in_config(text: str = CHATML) -> Edit:
    return both(drop("chat_template.jinja"), settings("tokenizer_config.json", chat_template=text))


def reordered(path: str) -> Edit:
    return change(path, lambda held: dict(reversed(held.items())))


def resharded(count: int = 2) -> Edit:
    """Distribute the same tensors over several files."""
    names = [f"model-{n + 1:05}-of-{count:05}.safetensors" for n in range(count)]

    def shard(tensor: Tensor) -> Tensor:
        return replace(tensor, file=names[sum(tensor.name.encode()) % count])

    return both(tensors(shard), put("model.safetensors.index.json", json.dumps({"weight_map": {}})))


def renamed(old: str, new: str) -> Edit:
    return tensors(lambda t: replace(t, name=t.name.replace(old, new)))


def reshaped(name: str, shape: tuple[int, ...]) -> Edit:
    return tensors(lambda t: replace(t, shape=shape) if t.name == name else t)


def retyped(dtype: str) -> Edit:
    return tensors(lambda t: replace(t, dtype=dtype))


def variant(digest: str) -> Tensor:
    name = "model.fp16.safetensors"
    return Tensor(f"{name}:w", name, "F16", (2,), f"xxh3:{digest * 32}")


def header_only(side: Any) -> Any:
    return replace(side, files={**side.files, "model.safetensors": "sha256:other-header"})


HEAD = "lm_head.weight"
QUANTIZED = config(quantization_config={"quant_method": "gptq", "bits": 4})
PACKED = both(QUANTIZED, tensors(lambda t: replace(t, dtype="I32") if t.name.endswith("q_proj.weight") else t))
PLAIN_ADAPTER = "adapter_config.json"
LEGACY_NAMES = config(
    dtype=...,
    torch_dtype="torch.float32",
    rope_parameters=...,
    rope_theta=10000.0,
    rope_scaling=None,
    head_dim=...,
    mlp_bias=...,
    tie_word_embeddings=...,
)
GEN, TOK = "generation_config.json", "tokenizer_config.json"
SPELLED_OUT = settings(
    TOK,
    padding_side="right",
    truncation_side="right",
    pad_token_type_id=0,
    pad_to_multiple_of=None,
    split_special_tokens=False,
)


def nested(folder: str, edit: Edit = same) -> Edit:
    """Put what the root has into a folder of its own as well, changed by an edit."""

    def apply(side: Side) -> Side:
        inner = edit(side)
        return replace(
            side,
            files={**side.files, **{f"{folder}/{path}": one for path, one in inner.files.items()}},
            contents={**side.contents, **{f"{folder}/{path}": data for path, data in inner.contents.items()}},
            tensors=(
                *without(folder)(side).tensors,
                *(replace(one, name=f"{folder}/{one.name}", file=f"{folder}/{one.file}") for one in inner.tensors),
            ),
        )

    return apply


def without(folder: str) -> Edit:
    """Remove a folder with everything in it."""

    def apply(side: Side) -> Side:
        kept = drop(*(path for path in side.files if path.startswith(f"{folder}/")))(side)
        tensors = tuple(tensor for tensor in side.tensors if not tensor.file.startswith(f"{folder}/"))
        return replace(kept, tensors=tensors)

    return apply
