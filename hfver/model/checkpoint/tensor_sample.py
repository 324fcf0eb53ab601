"""A few elements of each tensor, always from the same places, so that two releases can be compared without weights.

Training moves weights a little: the sampled elements of a model and of its base stay correlated, and those of two
models that were trained apart are not. A release keeps the sample in its list of tensors.

The places follow from the shape alone. A vocabulary that grows by a few rows keeps them, because rows and columns are
drawn below the largest power of two that fits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

from hfver.model.checkpoint.safetensors_header import DTYPE_BITS, Span

__all__ = ["SAMPLED", "Sampler", "sample_places"]

SAMPLED = 16
"""The number of places. A model of 100 tensors gives 1,600 elements: enough to know a correlation to about 0.03."""

_MASK = 2**64 - 1


def _draws() -> list[tuple[int, int]]:
    """Draw the numbers that rows and columns are taken from, by SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    state, drawn = 0, []
    for _ in range(2 * SAMPLED):
        state = (state + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        drawn.append(mixed ^ (mixed >> 31))
    return list(zip(drawn[::2], drawn[1::2], strict=True))


_DRAWS = _draws()


@lru_cache(maxsize=256)
def sample_places(shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return the sampled places of a tensor as (row, column), in the order of its elements and without repetitions.

    Args:
        shape: The tensor's shape. The first dimension counts rows, and all others together count columns.
    """
    rows, columns = (shape[0], math.prod(shape[1:])) if shape else (1, 1)
    if not rows * columns:
        return ()
    high, wide = (1 << (size.bit_length() - 1) for size in (rows, columns))
    return tuple(sorted({(row % high, column % wide) for row, column in _DRAWS}))


class Sampler:
    """Collects the sampled bytes of one file's tensors while the file is read in portions of any size."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._ranges: list[tuple[int, int]] = []
        self._lengths: list[int] = []
        for span in spans:
            ranges = _byte_ranges(span)
            self._ranges += ranges
            self._lengths.append(sum(stop - start for start, stop in ranges))
        self._next = self._at = 0
        self._taken = bytearray()

    def feed(self, view: memoryview) -> None:
        """Take the next portion."""
        end = self._at + len(view)
        while self._next < len(self._ranges):
            start, stop = self._ranges[self._next]
            if start >= end:
                break
            # An element may lie across two portions, and is then taken in two parts.
            self._taken += view[max(start, self._at) - self._at : stop - self._at]
            if stop > end:
                break
            self._next += 1
        self._at = end

    def finish(self) -> list[bytes]:
        """Return the sampled bytes of each tensor, in the order of the spans."""
        found, at = [], 0
        for length in self._lengths:
            found.append(bytes(self._taken[at : at + length]))
            at += length
        return found


def _byte_ranges(span: Span) -> list[tuple[int, int]]:
    bits = DTYPE_BITS[span.dtype]
    if bits % 8:  # elements of 4 or 6 bits share bytes, and say nothing without their scales
        return []
    size, columns = bits // 8, math.prod(span.shape[1:])
    starts = (span.start + (row * columns + column) * size for row, column in sample_places(span.shape))
    return [(start, start + size) for start in starts]
