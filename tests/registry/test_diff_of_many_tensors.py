"""Comparing releases of many tensors: where only values moved, the digests of the lists give the level."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.version import Bump
from hfver.model.checkpoint import decode_tensors, encode_tensors, read_checkpoint
from hfver.model.compare.description import MAX_LISTS
from tests.conftest import MakeCheckpoint

REPO = "acme/many"
MANY = 1200


@pytest.fixture
def folder(checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return checkpoint()


def save(folder: Path, seed: int, *, shards: int = 1, names: str = "layer.{}.weight") -> None:
    for old in folder.glob("*.safetensors*"):
        old.unlink()
    draw = np.random.default_rng(seed)
    tensors = {names.format(number): draw.random((2, 2)).astype(np.float32) for number in range(MANY)}
    paths = [
        f"model-{one:05}-of-{shards:05}.safetensors" if shards > 1 else "model.safetensors"
        for one in range(1, shards + 1)
    ]
    weight_map = {name: paths[number % shards] for number, name in enumerate(tensors)}
    for path in paths:
        held = {name: tensor for name, tensor in tensors.items() if weight_map[name] == path}
        save_file(held, folder / path, metadata={"format": "pt"})
    if shards > 1:
        index = {"metadata": {"total_size": 16 * MANY}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def release(folder: Path, hub: LocalHub) -> hfver.Release:
    return hfver.release(folder, REPO, hub=hub, smoke="off")


def test_lists_are_fetched_only_on_request(folder: Path, local_hub: LocalHub, requests: list[str]) -> None:
    for seed in (1, 2):
        save(folder, seed)
        release(folder, local_hub)
    forget(local_hub)
    requests.clear()
    found = hfver.diff(f"{REPO}@1.0.0", f"{REPO}@1.1.0", hub=local_hub)
    assert not [request for request in requests if request.endswith("tensors.json")]
    assert (found.level, [change.rule for change in found.changes if change.rule != "docs"]) == (
        Bump.MINOR,
        ["weights"],
    )
    assert f"Some or all of {MANY} tensors" in found.changes[0].message
    assert (found.weights.moved, found.weights.total, found.tensors) == (None, MANY, ())
    assert found.to_json()["weights"] == {"share": None, "moved": None, "total": MANY}

    listed = hfver.diff(f"{REPO}@1.0.0", f"{REPO}@1.1.0", tensors=True, hub=local_hub)
    assert len([request for request in requests if request.endswith("tensors.json")]) == 2
    assert (listed.level, listed.weights.moved, len(listed.tensors)) == (Bump.MINOR, MANY, MANY)
    assert {change.change for change in listed.tensors} == {"moved"}


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"shards": 3}, {"weights"}),
        ({"shards": 3, "seed": 1}, {"resharded"}),
        ({"names": "block.{}.weight"}, {"tensor-names"}),
    ],
)
def test_shards_and_names(change: dict[str, object], rules: set[str], folder: Path, local_hub: LocalHub) -> None:
    save(folder, 1)
    first = release(folder, local_hub)
    save(folder, **{"seed": 2, **change})  # type: ignore[arg-type]
    second = release(folder, local_hub)
    forget(local_hub)
    found = hfver.diff(f"{REPO}@{first.version}", f"{REPO}@{second.version}", hub=local_hub)
    assert {one.rule for one in found.changes if one.level == found.level} - {"docs"} == rules


def test_another_file_or_quantization_needs_the_lists(folder: Path, local_hub: LocalHub, requests: list[str]) -> None:
    save(folder, 1)
    first = release(folder, local_hub)
    save(folder, 2)
    generation = folder / "generation_config.json"
    generation.write_text(json.dumps(json.loads(generation.read_text()) | {"eos_token_id": 5}))
    second = release(folder, local_hub)
    forget(local_hub)
    requests.clear()
    found = hfver.diff(f"{REPO}@{first.version}", f"{REPO}@{second.version}", hub=local_hub)
    assert found.level == Bump.MAJOR and found.weights.moved == MANY
    assert len([request for request in requests if request.endswith("tensors.json")]) == 2


def test_the_lists_are_long(folder: Path) -> None:
    save(folder, 1)
    assert 2 * len(encode_tensors(read_checkpoint(folder).tensors)) > MAX_LISTS


def test_sha256_of_tensors_is_published_on_request(folder: Path, local_hub: LocalHub) -> None:
    hfver.release(folder, REPO, hub=local_hub, smoke="off", tensor_sha256=True)
    pulled = hfver.pull(REPO, hub=local_hub).path
    tensors = decode_tensors((Path(pulled) / ".hfver" / "tensors.json").read_bytes(), REPO)
    assert tensors and all(tensor.sha256 for tensor in tensors)


def forget(hub: LocalHub) -> None:
    """Remove what hfver remembers, so that everything has to be fetched."""
    shutil.rmtree(os.environ["HFVER_CACHE"], ignore_errors=True)
