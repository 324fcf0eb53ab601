"""What a processor makes of a picture or a sound."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

TOLERANCE = 1e-3
"""Rounding differs between versions of the libraries, and a changed setting moves values by more."""


def observe(folder: Path, question: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of the processed input, sixteen of its values and their mean."""
    import numpy

    folder = folder / question["folder"]
    made = sound(folder) if question["what"] == "sound" else picture(folder, question["mode"])
    values = numpy.asarray(made, dtype=numpy.float64)
    flat = values.ravel()
    last = max(0, int(flat.size) - 1)
    some = [round(float(flat[number * last // 15]), 4) for number in range(16)] if flat.size else []
    return {"shape": list(values.shape), "values": some, "mean": round(float(flat.mean()), 4) if flat.size else 0.0}


def picture(folder: Path, mode: str) -> Any:
    """Process a picture with a pattern that every setting has an effect on."""
    import numpy
    from PIL import Image
    from transformers import AutoImageProcessor

    rows, columns = numpy.mgrid[0:96, 0:128]
    color = numpy.stack([(rows * 5 + columns * 7 * one) % 256 for one in (1, 2, 3)], axis=-1).astype("uint8")
    image = Image.fromarray(color).convert(mode)
    loaded: Any = AutoImageProcessor
    processor = loaded.from_pretrained(folder, trust_remote_code=False, local_files_only=True, backend="pil")
    made = processor(image, return_tensors="np")
    return made["pixel_values"] if "pixel_values" in made else next(iter(made.values()))


def sound(folder: Path) -> Any:
    """Process half a second of a tone."""
    import numpy
    from transformers import AutoFeatureExtractor

    loaded: Any = AutoFeatureExtractor
    extractor = loaded.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    wave = numpy.array([0.3 * math.sin(0.17 * n) + 0.1 for n in range(8000)], dtype="float32")
    made = extractor(wave, sampling_rate=16000, return_tensors="np")
    return next(iter(made.values()))


def differences(question: dict[str, Any], expected: dict[str, Any], observed: dict[str, Any]) -> list[str]:
    """Say how the processed input differs."""
    what = question["what"]
    if observed["shape"] != expected["shape"]:
        return [f"the {what} was processed to the shape {expected['shape']} and now to {observed['shape']}"]
    pairs = zip([expected["mean"], *expected["values"]], [observed["mean"], *observed["values"]], strict=True)
    if all(abs(one - other) <= TOLERANCE for one, other in pairs):
        return []
    return [f"the {what} was processed to the values", f"  {expected['values']}", f"and now to\n  {observed['values']}"]
