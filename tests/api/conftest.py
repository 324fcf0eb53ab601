"""A Hub with two releases of a few weights, which need no torch to be made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import hfver
from hfver.api.hubs import LocalHub

REPO = "acme/bot"


def write_folder(path: Path, seed: int = 0) -> Path:
    """Write a checkpoint whose weights depend on a seed."""
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}))
    weights = np.random.default_rng(seed).standard_normal((8, 8)).astype("float32")
    save_file({"model.weight": weights}, path / "model.safetensors", metadata={"format": "pt"})
    return path


@pytest.fixture
def hub(local_hub: LocalHub, tmp_path: Path) -> LocalHub:
    """1.0.0 and 1.1.0 of acme/bot."""
    for seed in (1, 2):
        hfver.release(write_folder(tmp_path / f"folder-{seed}", seed), REPO, hub=local_hub, smoke="off")
    return local_hub


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty project."""
    path = tmp_path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    return path
