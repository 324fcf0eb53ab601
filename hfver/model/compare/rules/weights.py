"""Rules on weights whose names and shapes are unchanged: new values, requantized, or only split differently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hfver.core.plural import counted
from hfver.core.version import Bump
from hfver.model.checkpoint import Tensor
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Rule, RuleMatch
from hfver.model.compare.rules.tensors import first_names
from hfver.model.compare.settings import report_settings

_FLOATS = {"F64", "F32", "F16", "BF16"}


def match_changed_values(pair: Pair, consequence: str) -> Iterable[RuleMatch]:
    """Report all tensors with new values in one match; nothing if there are none.

    Args:
        pair: Both sides.
        consequence: What that means to a consumer: the second half of a sentence, with its period.
    """
    if pair.only_values_moved and pair.after.roots is not None:
        message = f"Some or all of {counted(pair.after.roots.count, 'tensor')} changed: {consequence}"
        yield RuleMatch(pair.changed_files[0], message, files=pair.changed_files)
        return
    names = pair.changed_tensors
    if not names:
        return
    size = sum(pair.shared_tensors[name][1].nbytes for name in names)
    share = size / max(1, sum(tensor.nbytes for tensor in pair.after.tensors.values()))
    verb = "may have changed" if pair.uncertain_tensors else "changed"
    total = counted(len(pair.after.tensors), "tensor")
    message = f"{len(names)} of {total} {verb} ({share:.1%} of the bytes): {consequence}"
    files = _files(pair, names)
    yield RuleMatch(files[0], message, files=files, note=_doubt(pair))


def _doubt(pair: Pair) -> str:
    if not pair.uncertain_tensors:
        return ""
    several = len(pair.uncertain_tensors) > 1
    return (
        f"No digests are known for {counted(len(pair.uncertain_tensors), 'tensor')}. "
        f"{'They count' if several else 'It counts'} as changed because the file that contains "
        f"{'them' if several else 'it'} differs."
    )


def _files(pair: Pair, names: Sequence[str]) -> tuple[str, ...]:
    files = {tensor.file for name in names for tensor in pair.shared_tensors[name]}
    # The match is filed under the first file, which should be one that differs.
    return tuple(sorted(files, key=lambda path: (path not in pair.changed_files, path)))


def _quantized(pair: Pair) -> bool:
    """Return whether both sides are quantized; whether the scheme is the same is another rule's question."""
    return all(
        any("quantization_config" in side.object(path) for path in side.files if path.endswith("config.json"))
        for side in (pair.before, pair.after)
    )


def _only_requantized(pair: Pair) -> bool:
    """Return whether all tensors with new values belong to modules with packed weights (their scales, for example)."""
    # Packed weights are stored as integers, with scales and zero points as floats in the same module.
    packed = {_module(name) for name, (_, new) in pair.shared_tensors.items() if new.dtype not in _FLOATS}
    return (
        _quantized(pair)
        and bool(pair.changed_tensors)
        and all(_module(name) in packed for name in pair.changed_tensors)
    )


def _module(name: str) -> str:
    return name.rpartition(".")[0]


def _weights(pair: Pair) -> Iterable[RuleMatch]:
    if not pair.is_embedding and not _only_requantized(pair):
        yield from match_changed_values(pair, "answers may differ; names, shapes and dtypes are the same.")
    yield from _variants(pair)


def _variants(pair: Pair) -> Iterable[RuleMatch]:
    """Report weights in separate files (``model.fp16.safetensors``) that were added or removed."""
    old, new = pair.before.tensors, pair.after.tensors
    for file, names in _extra_files(new, new.keys() - old.keys()).items():
        yield RuleMatch(file, "A variant of the weights was added in a separate file.", None, first_names(names))
    for file, names in _extra_files(old, old.keys() - new.keys()).items():
        message = "A variant of the weights in a separate file was removed: code that loads it fails."
        yield RuleMatch(file, message, first_names(names), None, level=Bump.MAJOR)


def _extra_files(held: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for tensor in (held[name] for name in names):
        if tensor.is_extra:
            files.setdefault(tensor.file, []).append(tensor.name)
    return {file: sorted(found) for file, found in sorted(files.items())}


weights = Rule(
    "weights",
    Bump.MINOR,
    change="only the weights changed",
    breaks="behavior",
    seen="digests",
    levels="major where a variant in a separate file was removed",
    example=(
        "The model was trained for another epoch.",
        "Callers get different and hopefully better answers; their code works as before.",
    ),
    detect=_weights,
)


def _requantized(pair: Pair) -> Iterable[RuleMatch]:
    if not pair.is_embedding and _only_requantized(pair):
        yield from match_changed_values(
            pair, "the same quantization scheme rounds differently, so answers may differ slightly."
        )


requantized = Rule(
    "requantized",
    Bump.MINOR,
    change="the same quantization scheme, different values",
    breaks="numerics",
    seen="digests",
    example=(
        "The same weights are quantized to the same 4 bits with different calibration data.",
        "Answers differ slightly; kernels and memory needs are the same.",
    ),
    detect=_requantized,
)


quantization = Rule(
    "quantization",
    Bump.MAJOR,
    change="the quantization scheme changed",
    breaks="kernels",
    seen="config + headers",
    example=(
        "`quantization_config.bits` changes from 8 to 4.",
        "A server with kernels for the old scheme cannot load the model.",
    ),
    detect=report_settings("quantization", "kernels for the old scheme cannot load it."),
)


def _resharded(pair: Pair) -> Iterable[RuleMatch]:
    # Tensors with new values are left to the rule on weights, wherever they are now.
    unchanged = set(pair.shared_tensors) - set(pair.changed_tensors)
    elsewhere = [name for name in sorted(unchanged) if _is_elsewhere(*pair.shared_tensors[name])]
    if not elsewhere:
        return
    old, new = (sorted({pair.shared_tensors[name][index].file for name in elsewhere}) for index in (0, 1))
    touched = tuple(
        path for path in pair.changed_files if path in (*old, *new) or path.endswith(".safetensors.index.json")
    )
    number = counted(len(elsewhere), "tensor")
    message = f"{number} moved to different files ({len(old)} before, {len(new)} now); they are the same bit for bit."
    yield RuleMatch(new[0], message, first_names(old), first_names(new), files=touched)


def _is_elsewhere(old: Tensor, new: Tensor) -> bool:
    return old.file != new.file and old.shape == new.shape and old.dtype == new.dtype


def _explain_index(_pair: Pair, path: str) -> RuleMatch | None:
    if not path.endswith(".safetensors.index.json"):
        return None
    return RuleMatch(path, "The index lists different files or sizes; the tensors themselves were compared directly.")


resharded = Rule(
    "resharded",
    Bump.PATCH,
    change="different shards, identical tensors",
    breaks="nobody",
    seen="tensor digests",
    example=(
        "The same tensors are saved in shards of 2 GB instead of 5 GB.",
        "Nobody notices: every tensor is the same bit for bit.",
    ),
    detect=_resharded,
    explain=_explain_index,
)


RULES = (weights, requantized, quantization, resharded)
