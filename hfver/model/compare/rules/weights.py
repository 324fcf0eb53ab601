"""Rules on weights whose names and shapes stand: moved, requantized, or only put into other files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hfver.core.version import Bump
from hfver.model.checkpoint import Tensor
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Finding, rule
from hfver.model.compare.rules.tensors import count, sample
from hfver.model.compare.settings import reports

_FLOATS = {"F64", "F32", "F16", "BF16"}


def moved(pair: Pair, consequence: str) -> Iterable[Finding]:
    """Report the tensors that moved, in one finding."""
    names = pair.moved
    if not names:
        return
    size = sum(pair.shared[name][1].nbytes for name in names)
    share = size / max(1, sum(tensor.nbytes for tensor in pair.after.side.tensors))
    known = "may have moved" if pair.unknown else "moved"
    message = f"{count(names)} of {len(pair.after.tensors)} {known} ({share:.1%} of the bytes): {consequence}"
    yield Finding(_files(pair, names)[0], message, files=_files(pair, names), note=_doubt(pair))


def _doubt(pair: Pair) -> str:
    if not pair.unknown:
        return ""
    return (
        f"No digests are known of {count(pair.unknown)}: they count as moved because the file that holds them differs."
    )


def _files(pair: Pair, names: Sequence[str]) -> tuple[str, ...]:
    files = {tensor.file for name in names for tensor in pair.shared[name]}
    return tuple(sorted(files, key=lambda path: (path not in pair.changed, path)))


def _quantized(pair: Pair) -> bool:
    """Tell whether both are quantized; the scheme itself is the business of another rule."""
    return all(
        any("quantization_config" in view.object(path) for path in view.side.files if path.endswith("config.json"))
        for view in (pair.before, pair.after)
    )


def _only_requantized(pair: Pair) -> bool:
    """Tell whether all that moved belongs to modules with packed weights."""
    packed = {_module(name) for name, (_, new) in pair.shared.items() if new.dtype not in _FLOATS}
    return _quantized(pair) and bool(pair.moved) and all(_module(name) in packed for name in pair.moved)


def _module(name: str) -> str:
    return name.rpartition(".")[0]


def _weights(pair: Pair) -> Iterable[Finding]:
    if not pair.is_embedding and not _only_requantized(pair):
        yield from moved(pair, "answers may differ, and everything that a caller builds on stands.")
    yield from _variants(pair)


def _variants(pair: Pair) -> Iterable[Finding]:
    """Weights in files of their own (``model.fp16.safetensors``) that come or go."""
    old, new = pair.before.tensors, pair.after.tensors
    for held, names, level in ((new, new.keys() - old.keys(), None), (old, old.keys() - new.keys(), Bump.MAJOR)):
        for file, extra in _by_file(held[name] for name in names if held[name].is_extra).items():
            verb = "went, and whoever loads them finds nothing" if level else "came beside the others"
            what = sample(sorted(extra))
            before, after = (what, None) if level else (None, what)
            yield Finding(file, f"Weights in a file of their own {verb}.", before, after, level=level)


def _by_file(tensors: Iterable[Tensor]) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for tensor in tensors:
        files.setdefault(tensor.file, []).append(tensor.name)
    return dict(sorted(files.items()))


weights = rule(
    "weights",
    Bump.MINOR,
    change="weights only",
    breaks="behaviour",
    seen="digests",
    levels="major where a variant in a file of its own goes",
    example=(
        "The model was trained for another epoch.",
        "Callers get other, hopefully better answers; nothing that they build on moved.",
    ),
)(_weights)


def _requantized(pair: Pair) -> Iterable[Finding]:
    if not pair.is_embedding and _only_requantized(pair):
        yield from moved(pair, "the same scheme rounds otherwise, and answers may differ slightly.")


requantized = rule(
    "requantized",
    Bump.MINOR,
    change="the same scheme, other bytes",
    breaks="numerics",
    seen="digests",
    example=(
        "The same weights are quantized to the same 4 bits with other calibration data.",
        "Answers differ slightly; kernels and memory are as they were.",
    ),
)(_requantized)


quantization = rule(
    "quantization",
    Bump.MAJOR,
    change="quantization scheme",
    breaks="kernels",
    seen="config + headers",
    example=(
        "`quantization_config.bits` goes from 8 to 4.",
        "A server whose kernels know the old scheme cannot load it.",
    ),
)(reports("quantization", "kernels made for the old scheme cannot load it."))


def _resharded(pair: Pair) -> Iterable[Finding]:
    unmoved = set(pair.shared) - set(pair.moved)
    elsewhere = [name for name in sorted(unmoved) if _is_elsewhere(*pair.shared[name])]
    if not elsewhere:
        return
    old, new = (sorted({pair.shared[name][index].file for name in elsewhere}) for index in (0, 1))
    touched = tuple(path for path in pair.changed if path in (*old, *new) or path.endswith(".safetensors.index.json"))
    message = f"{count(elsewhere)} lie in other files ({len(old)} before, {len(new)} now), the same bit for bit."
    yield Finding(new[0], message, sample(old), sample(new), files=touched)


def _is_elsewhere(old: Tensor, new: Tensor) -> bool:
    return old.file != new.file and old.shape == new.shape and old.dtype == new.dtype


def _sweep_index(_pair: Pair, path: str) -> Finding | None:
    if not path.endswith(".safetensors.index.json"):
        return None
    return Finding(path, "The index names other files or sizes; the tensors were compared by themselves.")


resharded = replace(
    rule(
        "resharded",
        Bump.PATCH,
        change="other shards, identical tensors",
        breaks="nobody",
        seen="tensor digests",
        example=(
            "The same tensors are saved in shards of 2 GB and no longer of 5 GB.",
            "Nobody notices: every tensor is the same bit for bit.",
        ),
    )(_resharded),
    sweep=_sweep_index,
)


RULES = (weights, requantized, quantization, resharded)
