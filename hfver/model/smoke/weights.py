"""Checks of the tensors themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from hfver.model.runtime import OpenModel
from hfver.model.runtime.device import import_torch
from hfver.model.smoke.check import Broken, some

CHUNK = 1 << 24
"""Elements looked at in one step: 16 Mi, so that an eight-bit tensor is never widened by more than 32 MiB."""


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
    for name, tensor, is_buffer in _tensors(opened.model):
        count += 1
        low, high = _range(tensor)
        if math.isnan(low) or not (is_buffer or (math.isfinite(low) and math.isfinite(high))):
            broken.append(name)
        elif low == high == 0 and not is_buffer and _must_not_vanish(name, tensor):
            zero.append(name)
    if broken:
        raise Broken(f"{len(broken)} of {count} tensors hold NaN or infinity: {some(broken)}.")
    if zero:
        raise Broken(f"{len(zero)} of {count} tensors are all zero: {some(zero)}.")
    return f"All {count} tensors are finite, and no weight matrix is all zero."


def _tensors(model: Any) -> Iterator[tuple[str, Any, bool]]:
    """Yield every tensor of real numbers with its name, and whether it is a buffer: masks in there hold -inf."""
    for is_buffer, tensors in ((False, model.named_parameters()), (True, model.named_buffers())):
        for name, tensor in tensors:
            if tensor.is_floating_point() and tensor.numel() and not tensor.is_meta:
                yield name, tensor.detach(), is_buffer


def _range(tensor: Any) -> tuple[float, float]:
    """Return the least and greatest element, a chunk at a time; NaN if any element is."""
    torch = import_torch()
    flat = tensor.reshape(-1)
    lows, highs = [], []
    for chunk in flat.split(CHUNK):
        low, high = torch.aminmax(chunk if chunk.element_size() > 1 else chunk.to(torch.float16))
        lows.append(low.double())
        highs.append(high.double())
    return float(torch.stack(lows).amin()), float(torch.stack(highs).amax())


def _must_not_vanish(name: str, tensor: Any) -> bool:
    """Tell weight matrices from what may be zero.

    Biases, adapters that are not trained yet (PEFT puts ``default`` into their names), and the embeddings of token
    types, which RoBERTa and XLM-R carry along without using them.
    """
    exempt = (".default", "prompt", "token_type_embeddings")
    return tensor.ndim >= 2 and name.endswith("weight") and not any(part in name for part in exempt)
