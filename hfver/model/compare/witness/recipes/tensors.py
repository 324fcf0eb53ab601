"""Witnesses of tensors: a name that is missing, or a shape or dtype that no longer fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from hfver.model.checkpoint import Tensor
from hfver.model.compare.json_values import printable
from hfver.model.compare.pair import ParsedSide
from hfver.model.compare.witness.candidate import Candidate, Subject

__all__ = ["changed_tensor"]


def changed_tensor(subject: Subject) -> Iterator[Candidate]:
    """Look up the tensor that the change names."""
    sides = (subject.pair.before, subject.pair.after)
    held = [side.main_tensors for side in sides]
    for name in sorted(held[0].keys() | held[1].keys()):
        tensor = held[1].get(name) or held[0][name]
        if f"{tensor.file}:{printable(name, 240)}" != subject.where and _other_where(held[0], name) != subject.where:
            continue
        old, new = (_form(tensors.get(name)) for tensors in held)
        if old != new:
            skipped = sorted({file for side in sides for file in _extra_files(side, tensor)})
            question = {"folder": subject.parent(tensor.file), "name": _own_name(tensor), "skip": skipped}
            yield Candidate("tensor", question, "behavior", old)


def _other_where(held: Mapping[str, Tensor], name: str) -> str:
    return f"{held[name].file}:{printable(name, 240)}" if name in held else ""


def _form(tensor: Tensor | None) -> dict[str, Any]:
    return {"dtype": tensor.dtype, "shape": list(tensor.shape)} if tensor else {}


def _own_name(tensor: Tensor) -> str:
    """Return the name that a tensor has in its file."""
    parent = str(PurePosixPath(tensor.file).parent)
    return tensor.name if parent == "." else tensor.name.removeprefix(f"{parent}/")


def _extra_files(side: ParsedSide, tensor: Tensor) -> Iterator[str]:
    """Yield the variants beside a tensor's file, which may have tensors of the same names."""
    folder = PurePosixPath(tensor.file).parent
    for other in side.tensors.values():
        if other.is_extra and PurePosixPath(other.file).parent == folder:
            yield PurePosixPath(other.file).name
