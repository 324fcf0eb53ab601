"""What goldens catch, and that healthy runs raise no alarm: a sample by default, everything in ``more``."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hfver.model.smoke.golden.record import GoldenFiles
from tests.model.smoke.broken import GOLDEN_ONLY, Broken
from tests.model.smoke.golden.breaks import BREAKS
from tests.model.smoke.golden.calibrate import Captured, captured, caught, healthy_runs
from tests.model.smoke.golden.goldens import capture_folder, compare_folder, explain
from tests.model.smoke.golden.models import MODELS

SAMPLE = ("Llama", "Mixtral", "Bert, classifier", "ViT")
"""Models of which every break and every healthy run is in the default tier."""


LISTED = list(enumerate(GOLDEN_ONLY))
MORE: tuple[Any, ...] = ((), pytest.mark.more, pytest.mark.more)
"""One in three of the ways is in the default tier."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Captured]:
    known: dict[str, Captured] = {}

    def get(name: str) -> Captured:
        if name not in known:
            known[name] = captured(name, tmp_path_factory.mktemp("models"))
        return known[name]

    return get


def tiers(names: list[str], models: dict[str, str]) -> list[object]:
    """Mark what is not of a model of the sample as ``more``."""
    return [name if models[name] in SAMPLE else pytest.param(name, marks=pytest.mark.more) for name in names]


@pytest.mark.parametrize("name", tiers(list(MODELS), {name: name for name in MODELS}))
def test_a_healthy_model_in_every_form(made: Callable[[str], Captured], name: str) -> None:
    for variant, layers in healthy_runs(made(name)):
        assert layers.agrees, f"{variant}:\n{explain(layers)}"
        assert layers.numbers.status == "passed", f"{variant}:\n{explain(layers)}"


@pytest.mark.parametrize("name", tiers(list(BREAKS), {name: way.model for name, way in BREAKS.items()}))
def test_a_break_is_caught_and_named(made: Callable[[str], Captured], tmp_path: Path, name: str) -> None:
    is_caught, is_right, layers = caught(made(BREAKS[name].model), BREAKS[name], tmp_path)
    assert is_caught, explain(layers)
    assert is_right, explain(layers)


@pytest.fixture(scope="module")
def goldens(healthy: dict[str, Path]) -> Callable[[str], GoldenFiles]:
    return cache(lambda name: capture_folder(healthy[name]))


@pytest.mark.parametrize("way", [pytest.param(way, id=way.name, marks=MORE[number % 3]) for number, way in LISTED])
def test_what_only_a_golden_can_see(
    healthy: dict[str, Path], goldens: Callable[[str], GoldenFiles], tmp_path: Path, way: Broken
) -> None:
    folder = Path(shutil.copytree(healthy[way.model], tmp_path / way.model))
    way.edit(folder)
    layers = compare_folder(goldens(way.model), folder)
    assert not layers.agrees, explain(layers)
    assert layers.blame


def test_there_are_enough_of_both() -> None:
    assert len(BREAKS) >= 50
    assert len(MODELS) >= 28
    assert all(way.incident for way in BREAKS.values())
