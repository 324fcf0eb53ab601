"""Outcomes as the arrays of a golden, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hfver.model.smoke.golden.forward import Outcome
from hfver.model.smoke.golden.record import ArrayPlace, GoldenFiles

__all__ = ["pack_outcomes", "stored_outcomes"]

WHOLE = 32767
"""Vectors are stored in 16 bits, with a scale each."""


def pack_outcomes(outcomes: Sequence[Outcome]) -> tuple[dict[str, ArrayPlace], bytes]:
    """Lay the arrays one after the other; vectors in 16 bits with a scale each, which costs 1e-10 of distance."""
    import numpy as np

    arrays: dict[str, Any] = {}
    known = [one for one in outcomes if one.ids is not None]
    if known:
        ids = np.concatenate([one.ids for one in known])
        arrays["ids"] = ids.astype("uint16") if ids.max(initial=0) < 2**16 else ids
        arrays["steps"] = np.concatenate([one.steps for one in known])
        arrays["rest"] = np.concatenate([one.rest for one in known])
    vectors = [vector.astype("float32") for one in outcomes for vector in one.vectors]
    if vectors:
        scales = [float(np.abs(vector).max(initial=0)) or 1.0 for vector in vectors]
        arrays["scales"] = np.array(scales, dtype="float32")
        whole = [
            np.round(vector / scale * 32767).astype("int16") for vector, scale in zip(vectors, scales, strict=True)
        ]
        arrays["vectors"] = np.concatenate(whole)
    sketched = [one.sketch for one in outcomes if one.sketch is not None]
    if sketched and len(sketched) == len(outcomes) and len({one.shape for one in sketched}) == 1:
        arrays["sketch"] = np.stack(sketched).astype("float32")
    places, data = {}, b""
    for name, array in arrays.items():
        places[name] = ArrayPlace(dtype=str(array.dtype), shape=array.shape, offset=len(data))
        data += array.astype(array.dtype.newbyteorder("<")).tobytes()
    return places, data


def stored_outcomes(files: GoldenFiles) -> list[Outcome]:
    """Return what the model gave at capture, as it is stored.

    Raises:
        ValueError: The arrays do not fit the inputs.
    """
    import numpy as np

    numbers = files.golden.numbers
    if numbers is None:
        return []
    ids, steps, rest = (files.array(name) for name in ("ids", "steps", "rest"))
    scales, vectors, sketch = (files.array(name) for name in ("scales", "vectors", "sketch"))
    found, at, place, number = [], 0, 0, 0
    for index in range(len(numbers.inputs)):
        count = numbers.positions[index] if index < len(numbers.positions) else 0
        lengths = numbers.vectors[index] if index < len(numbers.vectors) else ()
        mine = []
        for length in lengths:
            mine.append(vectors[place : place + length].astype("float32") / WHOLE * scales[number])
            place, number = place + length, number + 1
        own = None if sketch is None else np.array(sketch[index])
        if count and not (
            len(ids[at : at + count]) == len(steps[at : at + count]) == len(rest[at : at + count]) == count
        ):
            raise ValueError("the stored numbers do not fit the stored inputs")
        found.append(
            Outcome(
                ids=ids[at : at + count].astype("uint32") if count else None,
                steps=steps[at : at + count] if count else None,
                rest=rest[at : at + count] if count else None,
                best=ids[at : at + count, 0].astype("uint32") if count else None,
                vectors=tuple(mine),
                sketch=own,
                depths=numbers.depths,
            )
        )
        at += count
    return found
