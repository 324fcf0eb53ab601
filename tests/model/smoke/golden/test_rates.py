"""What goldens catch, and that healthy runs raise no alarm: a sample by default, everything in ``more``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.model.smoke.golden.breaks import BREAKS
from tests.model.smoke.golden.calibrate import Captured, captured, caught, healthy_runs
from tests.model.smoke.golden.goldens import explain
from tests.model.smoke.golden.models import MODELS

SAMPLE = ("Llama", "Mixtral", "Bert, classifier", "ViT")
"""Models of which every break and every healthy run is in the default tier."""


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


def test_there_are_enough_of_both() -> None:
    assert len(BREAKS) >= 50
    assert len(MODELS) >= 28
    assert all(way.incident for way in BREAKS.values())
