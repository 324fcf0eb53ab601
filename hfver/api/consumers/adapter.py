"""A LoRA adapter: do its tensors still fit the modules that it was trained for?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from hfver.api.consumers.judgement import TOKENIZER_RULES, Answer, Compared, Judge, breaks, safe, unknown
from hfver.core.plural import counted
from hfver.model.checkpoint import Tensor, read_checkpoint
from hfver.model.compare import Change
from hfver.model.compare.json_values import parse_json, printable

__all__ = ["judge_adapter"]

_LORA = re.compile(
    r"(?:base_model\.model\.)?(?P<module>.+)\.lora_(?P<part>A|B|embedding_A|embedding_B)(?:\.\w+)?(\.weight)?"
)
_SAVED = re.compile(r"base_model\.model\.(?P<name>.+)")
_FITS = {
    "tensor-names",
    "tensor-shape",
    "dimensions",
    "architecture",
    "vocab-size",
    "tied-embeddings",
    "adapter-merged",
}


def judge_adapter(folder: Path, compared: Compared) -> Judge:
    """Compare the adapter's targets with the tensors of both sides.

    Raises:
        BadCheckpoint: The folder cannot be read.
    """
    checkpoint = read_checkpoint(folder, for_release=False)
    config = parse_json((folder / "adapter_config.json").read_bytes())
    base = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    before, after = (side.main_tensors for side in (compared.pair.before, compared.pair.after))
    old = dict(_misfits(checkpoint.tensors, before))
    new = {name: why for name, why in _misfits(checkpoint.tensors, after) if name not in old}
    targets = {match["module"] for tensor in checkpoint.tensors if (match := _LORA.fullmatch(tensor.name))}

    def judge(change: Change) -> Answer:
        if change.rule in _FITS:
            return _fit(new, old, len(targets))
        if change.rule == "base-model":
            return unknown(
                f"The adapter names {printable(str(base))} as its base: whether that still is it is not written."
            )
        if change.rule in TOKENIZER_RULES:
            return unknown("The adapter's tensors fit, but it was trained on other ids for the same text.")
        if change.rule in ("quantization", "dtype"):
            return unknown("PEFT adapts to many dtypes and schemes, but not to all of them.")
        if change.rule in ("weights", "embedding-space", "requantized"):
            return unknown("The adapter's tensors fit, but it was trained on the old weights.")
        return safe("The adapter's tensors do not depend on it.")

    return judge


def _fit(new: Mapping[str, str], old: Mapping[str, str], targets: int) -> Answer:
    if new:
        return breaks(f"{counted(len(new), 'tensor')} no longer fits: {next(iter(new.values()))}.")
    if old or not targets:
        return unknown("The adapter does not fit the older side either, or adapts no module that is known here.")
    return safe(f"Its {counted(targets, 'target module')} are there with the same shapes.")


def _misfits(adapter: tuple[Tensor, ...], held: Mapping[str, Tensor]) -> Iterator[tuple[str, str]]:
    """Yield the adapter's tensors that have no counterpart, or one of another shape."""
    for tensor in adapter:
        match = _LORA.fullmatch(tensor.name)
        if match is None:
            saved = _SAVED.fullmatch(tensor.name)
            name = saved["name"] if saved else tensor.name
            if name in held and held[name].shape != tensor.shape:
                yield tensor.name, f"{printable(name)} has the shape {list(held[name].shape)}, not {list(tensor.shape)}"
            continue
        target = held.get(f"{match['module']}.weight") or held.get(f"{match['module']}.base_layer.weight")
        if target is None:
            yield tensor.name, f"{printable(match['module'])} is missing"
        elif len(target.shape) == 2 and len(tensor.shape) == 2 and not _fits(match["part"], tensor, target):
            yield tensor.name, f"{printable(match['module'])} has the shape {list(target.shape)}"


def _fits(part: str, tensor: Tensor, target: Tensor) -> bool:
    # A linear layer stores (out, in), the convolutions of GPT-2 (in, out): PEFT handles both.
    if part == "A":
        return tensor.shape[1] in target.shape
    return tensor.shape[0] in target.shape if part == "B" else True
