"""Checks of the tensors themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hfver.runtime import OpenModel
from hfver.runtime.device import import_torch
from hfver.smoke.checking import Broken, some

CHUNK = 1 << 24
"""Elements looked at in one step: 16 Mi, so that a mask never takes more than 16 MiB."""


def keys(opened: OpenModel) -> str:
    """Check that the folder's tensors and the architecture's are the same."""
    found = {
        "missing (random numbers in their place)": opened.missing_keys,
        "not used by the architecture": opened.unexpected_keys,
        "of the wrong shape (random numbers in their place)": opened.mismatched_keys,
    }
    wrong = [f"{len(names)} {what}: {some(names)}" for what, names in found.items() if names]
    if wrong:
        raise Broken("; ".join(wrong) + ".")
    return f"All {sum(1 for _ in opened.model.parameters())} tensors of the architecture came from the folder."


def weights_finite(opened: OpenModel) -> str:
    """Check that no tensor holds NaN or infinity, and no matrix is all zero."""
    count, broken, zero = 0, [], []
    for name, tensor in _tensors(opened.model):
        count += 1
        finite, nonzero = _look(tensor)
        if not finite:
            broken.append(name)
        elif not nonzero and _must_not_vanish(name, tensor):
            zero.append(name)
    if broken:
        raise Broken(f"{len(broken)} of {count} tensors hold NaN or infinity: {some(broken)}.")
    if zero:
        raise Broken(f"{len(zero)} of {count} tensors are all zero: {some(zero)}.")
    return f"All {count} tensors are finite, and no weight matrix is all zero."


def _tensors(model: Any) -> Iterator[tuple[str, Any]]:
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_floating_point() and tensor.numel() and not tensor.is_meta:
            yield name, tensor.detach()


def _look(tensor: Any) -> tuple[bool, bool]:
    """Tell whether a tensor is finite, and whether any element of it is not zero, a chunk at a time."""
    torch = import_torch()
    flat = tensor.reshape(-1) if tensor.is_contiguous() else tensor.flatten()
    nonzero = False
    for chunk in flat.split(CHUNK):
        wide = chunk if chunk.element_size() > 1 else chunk.to(torch.float16)
        if not bool(torch.isfinite(wide).all()):
            return False, nonzero
        nonzero = nonzero or bool(wide.any())
    return True, nonzero


def _must_not_vanish(name: str, tensor: Any) -> bool:
    """Tell weight matrices from what may be zero: buffers, biases, the B half of an untrained adapter."""
    return tensor.ndim >= 2 and name.endswith("weight") and ".lora_" not in name and "prompt" not in name
