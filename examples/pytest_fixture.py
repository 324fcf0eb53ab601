"""Test your own code against a real Hub: the pytest fixture that comes with hfver.

    pytest examples/pytest_fixture.py

``local_hub`` is an empty embedded Hub on loopback, a new one for each test. pytest finds the fixture by itself once
hfver is installed; it does not need to be imported.
"""

# ruff: noqa: S101  pytest's assertions
from __future__ import annotations

from pathlib import Path

from scaffold import tiny_model

import hfver
from hfver.core.results import Release


def publish(folder: Path, hub: hfver.LocalHub) -> Release:
    """Release a model. This function stands for your code, the code under test."""
    model, tokenizer = tiny_model()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return hfver.release(folder, "team/model", hub=hub)


def test_the_first_release_is_1_0_0(local_hub: hfver.LocalHub, tmp_path: Path) -> None:
    release = publish(tmp_path / "model", local_hub)
    assert str(release) == "team/model@1.0.0"
    assert [each.version for each in hfver.versions("team/model", hub=local_hub).releases] == ["1.0.0"]


def test_releasing_again_changes_nothing(local_hub: hfver.LocalHub, tmp_path: Path) -> None:
    first, second = (publish(tmp_path / "model", local_hub) for _ in range(2))
    assert second.commit == first.commit
    assert len(hfver.versions("team/model", hub=local_hub).releases) == 1
