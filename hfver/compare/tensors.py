"""The difference of two checkpoints' tensors: names, shapes and digests, never their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hfver.checkpoint import Tensor
from hfver.version import Bump

__all__ = ["Difference", "compare_tensors"]


@dataclass(frozen=True)
class Difference:
    """What changed from one release to the next.

    Attributes:
        level: The bump it asks for; None for a first release.
        changes: A sentence for each change.
    """

    level: Bump | None
    changes: tuple[str, ...]


def compare_tensors(before: Iterable[Tensor], after: Iterable[Tensor]) -> Difference:
    """Level the change of tensors: PATCH if they are equal bit for bit, MINOR if only values moved, else MAJOR."""
    old, new = ({tensor.name: tensor for tensor in tensors} for tensors in (before, after))
    breaking = (*_names(old, new), *_forms(old, new))
    if breaking:
        return Difference(Bump.MAJOR, breaking)
    moved = [tensor for name, tensor in new.items() if tensor.digest != old[name].digest]
    if not moved:
        return Difference(Bump.PATCH, ("The weights are the same bit for bit; other files changed.",))
    share = sum(tensor.nbytes for tensor in moved) / max(1, sum(tensor.nbytes for tensor in new.values()))
    sentence = f"New weights: {len(moved)} of {len(new)} tensors moved ({share:.1%} of the bytes), shapes unchanged."
    return Difference(Bump.MINOR, (sentence,))


def _names(old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> Iterable[str]:
    for verb, names in (("Removed", old.keys() - new.keys()), ("Added", new.keys() - old.keys())):
        if names:
            yield f"{verb} {_count(names)}: {_sample(names)}."


def _forms(old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> Iterable[str]:
    both = sorted(old.keys() & new.keys())
    shapes = [name for name in both if old[name].shape != new[name].shape]
    dtypes = [name for name in both if old[name].dtype != new[name].dtype]
    if shapes:
        first = shapes[0]
        yield f"{_count(shapes)} changed shape: {first} {old[first].shape} → {new[first].shape}."
    if dtypes:
        first = dtypes[0]
        yield f"{_count(dtypes)} changed dtype: {first} {old[first].dtype} → {new[first].dtype}."


def _count(names: Iterable[str]) -> str:
    number = len(list(names))
    return f"{number} tensor{'' if number == 1 else 's'}"


def _sample(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:3]) + (" …" if len(ordered) > 3 else "")
