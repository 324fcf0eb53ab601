"""Measure goldens: how far healthy runs are apart, and which breaks are caught. Prints the tables of docs/golden.md.

python -m tests.model.smoke.golden.calibrate
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hfver.model.runtime import load_model
from hfver.model.smoke.golden.capture import capture_model, undisturbed
from hfver.model.smoke.golden.compare import Layers, compare_golden
from hfver.model.smoke.golden.record import GoldenFiles, decode_golden
from hfver.model.smoke.golden.tokenizers import processing_of
from tests.model.smoke import tiny
from tests.model.smoke.golden.breaks import BREAKS, Break
from tests.model.smoke.golden.models import MODELS

__all__ = ["VARIANTS", "Variant", "captured", "caught", "healthy_runs", "main"]


@dataclass(frozen=True)
class Variant:
    """A healthy way to run a model: its dtype, its attention kernel, and the threads of the processor."""

    dtype: str = "auto"
    kernel: str | None = None
    threads: int = 1

    def __str__(self) -> str:
        parts = ["float32" if self.dtype == "auto" else self.dtype, self.kernel or "default kernel"]
        return ", ".join([*parts, f"{self.threads} threads"] if self.threads > 1 else parts)


VARIANTS = (
    Variant(),
    Variant(kernel="eager"),
    Variant(threads=2),
    Variant("float16"),
    Variant("bfloat16"),
    Variant("bfloat16", "eager"),
)


@dataclass(frozen=True)
class Captured:
    """A model's golden, captured in memory, and the folder that it was saved to."""

    golden: GoldenFiles
    folder: Path


def captured(name: str, root: Path) -> Captured:
    """Make a model, capture its golden and save it."""
    torch.manual_seed(7)
    made = MODELS[name]()
    files = capture_model(made.model, made.tokenizer)
    # As a release would: written, and read back with every check.
    text, data = files.encode().values()
    folder = tiny.save(made.model, made.tokenizer, root / name.replace(" ", "-").replace(",", ""))
    return Captured(decode_golden(text, data, name), folder)


def compare(files: GoldenFiles, folder: Path, variant: Variant = VARIANTS[0]) -> Layers:
    """Load a folder as a variant says, and compare it with a golden."""
    loaded = load_model(folder, device="cpu", dtype=variant.dtype)
    if variant.kernel:
        with contextlib.suppress(Exception):  # some architectures have one kernel only
            loaded.model.set_attn_implementation(variant.kernel)
    with _threads(variant.threads), undisturbed(loaded.model):
        return compare_golden(files, loaded.model, processing_of(loaded), loaded.device, loaded.dtype)


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


def healthy_runs(one: Captured) -> Iterator[tuple[Variant, Layers]]:
    """Compare a healthy folder with its golden in every variant."""
    for variant in VARIANTS:
        yield variant, compare(one.golden, one.folder, variant)


def caught(one: Captured, way: Break, root: Path) -> tuple[bool, bool, Layers]:
    """Break a copy of the folder; return whether the layer shows it, whether the blame is right, and the comparison."""
    folder = root / "broken"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(one.folder, folder)
    way.edit(folder)
    layers = compare(one.golden, folder)
    layer: Any = getattr(layers, way.layer)
    return layer.status == "failed", way.blame in (layer.blame or ""), layers


def main() -> None:
    """Print both tables as Markdown."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder, tiny.hushed():
        made = {name: captured(name, Path(folder)) for name in MODELS}
        lines = [*_healthy_table(made), "", *_broken_table(made, Path(folder))]
    sys.stdout.write("\n".join(lines) + "\n")


def _healthy_table(made: dict[str, Captured]) -> Iterator[str]:
    yield "| model | " + " | ".join(map(str, VARIANTS)) + " | limit, float32 | limit, bfloat16 |"
    yield "|---" * (len(VARIANTS) + 3) + "|"
    alarms, runs, nearest = 0, 0, 0.0
    for name, one in made.items():
        cells, limits = [], {}
        for variant, layers in healthy_runs(one):
            alarms, runs = alarms + (not layers.agrees), runs + 1
            limits[variant.dtype] = layers.limit
            if layers.distance and layers.limit and not layers.mixture:
                nearest = max(nearest, layers.distance.mean / layers.limit)
            cells.append(_number(layers.distance.mean if layers.distance else None) + ("" if layers.agrees else " ✗"))
        yield f"| {name} | {' | '.join(cells)} | {_number(limits['auto'])} | {_number(limits['bfloat16'])} |"
    yield ""
    yield f"{alarms} false alarms in {runs} healthy runs of {len(made)} models (device: cpu)."
    yield f"The farthest healthy run of a model without experts was at {nearest:.0%} of its limit."


def _broken_table(made: dict[str, Captured], root: Path) -> Iterator[str]:
    yield "| break | model | layer | to blame | distance | times the limit | it happened |"
    yield "|---|---|---|---|---|---|---|"
    found, blamed, least = 0, 0, float("inf")
    for name, way in BREAKS.items():
        is_caught, is_right, layers = caught(made[way.model], way, root)
        found, blamed = found + is_caught, blamed + is_right
        apart = layers.distance.mean if layers.distance and way.layer == "numbers" else None
        least = min(least, apart / layers.limit) if apart and layers.limit else least
        times = f"{apart / layers.limit:,.0f}" if apart and layers.limit else "–"
        verdict = layers.blame if is_caught else "**missed**"
        yield f"| {name} | {way.model} | {way.layer} | {verdict} | {_number(apart)} | {times} | {way.incident} |"
    yield ""
    yield f"{found} of {len(BREAKS)} breaks caught, {blamed} with the right blame (device: cpu)."
    yield f"The least visible of them was at {least:,.0f} times its limit."


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0e}" if value else "0"


if __name__ == "__main__":
    main()
