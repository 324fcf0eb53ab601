"""A release with ``--convert`` that is killed: the pickle stays as it was, and the same command finishes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from tests.crash.checks import check_nothing_half, check_whole
from tests.crash.picking import Kill, Pick, picks
from tests.crash.scene import TOKEN, Forks, Hub, checkpoint, look


def pickled(folder: Path, seed: int) -> Path:
    """Write a checkpoint whose first shard's tensor is a pickle, in one file."""
    import torch

    checkpoint(folder, seed)
    weights = {name: tensor for path in folder.glob("*.safetensors") for name, tensor in load_file(path).items()}
    for path in [*folder.glob("*.safetensors"), folder / "model.safetensors.index.json"]:
        path.unlink()
    torch.save({name: torch.from_numpy(tensor) for name, tensor in weights.items()}, folder / "pytorch_model.bin")
    return folder


@picks
def test_a_release_that_converts(
    hub: Hub, forks: Forks, room: Path, pick: Pick, capsys: pytest.CaptureFixture[str]
) -> None:
    (room / "tmp").mkdir()
    repo = f"crash/{room.name}"
    paths: dict[str, Any] = {"HF_TOKEN": TOKEN, "HFVER_CACHE": room / "memory", "TMPDIR": room / "tmp"}

    def release(run: int, **options: Any) -> Any:
        command = ["release", str(room / f"pickled-{run}"), "--convert", "--smoke", "off", "--json"]
        return forks.run(*command, "--repo", f"{repo}-{run}", "--hub", hub.url, **paths, **options)

    def tell(run: int, kill: Kill) -> bool:
        before = look(pickled(room / f"pickled-{run}", run))
        first = release(run, at=kill[0], torn=kill[1])
        seen = check_nothing_half(hub, f"{repo}-{run}", (), room)
        again = release(run)
        assert again.code == 0, again.stderr + again.stdout
        check_whole(hub, f"{repo}-{run}", (), room, seen=seen)
        assert look(room / f"pickled-{run}") == before
        assert not list((room / "tmp").glob("hfver*"))
        shutil.rmtree(room / f"pickled-{run}")
        return bool(first.code < 0)

    pickled(room / "pickled-0", 0)
    points = release(0).points
    chosen = pick.kills(points, every=36, of_all=4)
    killed = sum(tell(run, kill) for run, kill in enumerate(chosen, 1))
    with capsys.disabled():
        print(f"\n{len(points)} points, {len(chosen)} runs, {killed} killed")
    assert killed >= 0.6 * len(chosen)
