"""Telling trained weights from random numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from hfver.model.runtime import load_model
from hfver.model.smoke.noise import NOISE, edge_ratio, layers_are_trained, output_layer_is_noise


@pytest.mark.parametrize("shape", [(500, 48), (48, 500), (256, 256), (40_000, 64), (64, 5_000)])
@pytest.mark.parametrize("draw", [torch.randn, torch.rand, lambda *shape: 4 * torch.randn(*shape)])
def test_random_numbers_stay_within_the_edge(shape: tuple[int, int], draw: Any) -> None:
    torch.manual_seed(0)
    values = draw(*shape)
    assert edge_ratio(values - values.mean()) == pytest.approx(1, abs=NOISE - 1)


def test_a_direction_that_rows_share_stands_out() -> None:
    torch.manual_seed(0)
    assert edge_ratio(torch.randn(500, 48) + torch.randn(48)) == pytest.approx(3.8, abs=1.5)


@pytest.mark.parametrize("value", [0.0, 1.0, torch.nan, torch.inf])
def test_a_constant_or_broken_matrix_has_no_ratio(value: float) -> None:
    assert edge_ratio(torch.full((100, 20), value)) is None


@pytest.mark.parametrize(("name", "trained"), [("llama", True), ("gpt2", True), ("fresh", False), ("bert", False)])
def test_models(healthy: dict[str, Path], name: str, trained: bool) -> None:
    model = load_model(healthy[name], device="cpu").model
    assert layers_are_trained(model) == trained
    assert output_layer_is_noise(model) != trained


def test_a_model_without_output_layer_is_not_judged(healthy: dict[str, Path]) -> None:
    assert not output_layer_is_noise(load_model(healthy["encoder"], device="cpu").model)
