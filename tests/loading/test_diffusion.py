"""Diffusion pipelines on a Hub: released, pulled, verified and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import hfver
from hfver.api.hubs import LocalHub
from tests.made import MakeOnce

REPO = "acme/painter"


@pytest.mark.more
@pytest.mark.filterwarnings("ignore")
def test_a_pipeline_makes_the_round(local_hub: LocalHub, make_once: MakeOnce, tmp_path: Path) -> None:
    import torch

    from tests.model.diffusion import tiny

    folder = make_once("diffusion", tiny.save_all) / "stable_diffusion"
    release = hfver.release(folder, REPO, hub=local_hub, smoke="off")
    assert release.version == "1.0.0"
    pulled = tmp_path / "pulled"
    hfver.pull(f"{REPO}@^1", pulled, hub=local_hub)
    card = (pulled / "README.md").read_text()
    assert "library_name: diffusers" in card
    assert "pipeline_tag: text-to-image" in card
    assert "DiffusionPipeline.from_pretrained" in card
    hfver.verify(str(pulled), hub=local_hub)
    loaded: Any = hfver.load(f"{REPO}@^1", hub=local_hub, device="cpu")
    assert type(loaded.model).__name__ == "StableDiffusionPipeline"
    run: dict[str, Any] = {"num_inference_steps": 2, "height": 16, "width": 16, "output_type": "np"}
    images = [
        torch.as_tensor(pipeline("a house", generator=torch.Generator().manual_seed(1), **run).images)
        for pipeline in (loaded.model, tiny.stable_diffusion())
    ]
    assert torch.equal(*images)
    # What is made of it knows where it came from, and a release of it does not carry the note.
    loaded.model.save_pretrained(tmp_path / "again")
    hfver.release(tmp_path / "again", "acme/second", hub=local_hub, smoke="off")
    hfver.pull("acme/second", tmp_path / "second", hub=local_hub)
    assert "hfver_loaded_from" in (tmp_path / "again/text_encoder/config.json").read_text()
    assert "hfver_loaded_from" not in (tmp_path / "second/text_encoder/config.json").read_text()
    assert f"base_model: {REPO}" in (tmp_path / "second/README.md").read_text()
