"""Capturing and comparing goldens of folders in this process, as short as tests want it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hfver.model.runtime import load_model
from hfver.model.smoke.golden.capture import capture_loaded, undisturbed
from hfver.model.smoke.golden.compare import Layers, compare_golden
from hfver.model.smoke.golden.record import GoldenFiles
from hfver.model.smoke.golden.tokenizers import processing_of


def capture_folder(folder: Path, **settings: Any) -> GoldenFiles:
    """Load a folder and capture its golden."""
    return capture_loaded(load_model(folder, device="cpu", **settings))


def compare_folder(files: GoldenFiles, folder: Path, **settings: Any) -> Layers:
    """Load a folder and compare it with a golden."""
    loaded = load_model(folder, device="cpu", **settings)
    with undisturbed(loaded.model):
        return compare_golden(files, loaded.model, processing_of(loaded), loaded.device, loaded.dtype)


def explain(layers: Layers) -> str:
    """Write the verdicts as lines."""
    return "\n".join(f"{layer.status} {name}: {layer.detail} ({layer.blame})" for name, layer in layers.named)
