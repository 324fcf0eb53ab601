"""Checks of the tensors themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from hfver.core.plural import counted
from hfver.model.runtime import LoadedModel
from hfver.model.runtime.device import import_torch
from hfver.model.smoke.check import CheckFailed, shorten

HALF_EDGE = 65504.0
"""The largest number of float16."""
EDGE = 0.99
"""The share of its dtype's largest number that no weight reaches by training."""
CHUNK = 1 << 24
"""Elements examined in one step: 16 Mi, so that widening an eight-bit tensor never takes more than 32 MiB."""


def keys(loaded: LoadedModel) -> str:
    """Check that the folder's tensors and those of the architecture are the same."""
    found = {
        "missing and filled with random numbers": loaded.missing_keys,
        "not used by the architecture": loaded.unexpected_keys,
        "of the wrong shape and filled with random numbers": loaded.mismatched_keys,
    }
    wrong = [f"{counted(len(names), 'tensor')} {kind}: {shorten(names)}" for kind, names in found.items() if names]
    if wrong:
        raise CheckFailed("; ".join(wrong) + ".")
    return f"All {sum(1 for _ in loaded.network.parameters())} tensors of the architecture came from the folder."


def weights_finite(loaded: LoadedModel) -> str:
    """Check that no tensor holds NaN or infinity, and that no weight matrix is all zeros."""
    count, broken, zero, edge = 0, [], [], []
    for name, tensor, is_buffer in _tensors(loaded.network):
        count += 1
        low, high = _range(tensor)
        # Infinity is legitimate in buffers: attention masks are stored there as -inf.
        if math.isnan(low) or not (is_buffer or (math.isfinite(low) and math.isfinite(high))):
            broken.append(name)
        elif low == high == 0 and not is_buffer and _must_not_be_zero(name, tensor):
            zero.append(name)
        elif not is_buffer and _is_at_edge(max(-low, high), tensor):
            edge.append(name)
    if broken:
        raise CheckFailed(f"NaN or infinity in {len(broken)} of {count} tensors: {shorten(broken)}.")
    if zero:
        raise CheckFailed(f"Nothing but zeros in {len(zero)} of {count} tensors: {shorten(zero)}.")
    if edge:
        raise CheckFailed(
            f"Values at the edge of their dtype in {len(edge)} of {count} tensors, where they were clipped: "
            f"{shorten(edge)}.",
            "Convert the original weights again, to a dtype with a larger range, such as bfloat16.",
        )
    return f"All {count} tensors are finite, and no weight matrix is all zeros."


def _tensors(model: Any) -> Iterator[tuple[str, Any, bool]]:
    """Yield the name and values of every floating-point tensor, and whether it is a buffer."""
    for is_buffer, tensors in ((False, model.named_parameters()), (True, model.named_buffers())):
        for name, tensor in tensors:
            if tensor.is_floating_point() and tensor.numel() and not tensor.is_meta:
                yield name, tensor.detach(), is_buffer


def _range(tensor: Any) -> tuple[float, float]:
    """Return the smallest and largest element, or NaN for both if any element is NaN."""
    torch = import_torch()
    flat = tensor.reshape(-1)
    lows, highs = [], []
    for chunk in flat.split(CHUNK):
        # torch has no aminmax for float8 dtypes; float16 holds all their values.
        low, high = torch.aminmax(chunk if chunk.element_size() > 1 else chunk.to(torch.float16))
        lows.append(low.double())
        highs.append(high.double())
    return float(torch.stack(lows).amin()), float(torch.stack(highs).amax())


def _is_at_edge(largest: float, tensor: Any) -> bool:
    """Return whether the largest value is the last of its dtype, or of float16, from which it may have been converted.

    Eight-bit dtypes are exempt: their scales are chosen so that values reach the edge.
    """
    return tensor.element_size() > 1 and (
        largest == HALF_EDGE or largest >= EDGE * import_torch().finfo(tensor.dtype).max
    )


def _must_not_be_zero(name: str, tensor: Any) -> bool:
    """Return whether zeros in a tensor mean that it is broken.

    Legitimately zero are biases, adapters that are not trained yet (PEFT puts ``default`` into their names), and the
    token-type embeddings that RoBERTa and XLM-R have and do not use.
    """
    exempt = (".default", "prompt", "token_type_embeddings")
    return tensor.ndim >= 2 and name.endswith("weight") and not any(part in name for part in exempt)
