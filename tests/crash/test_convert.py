"""A release with ``--convert`` is killed: the pickle is unchanged, and the same command completes the release."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from tests.crash.checks import check_no_partial_version, check_one_version_added
from tests.crash.environment import TOKEN, Forks, Hub, checkpoint, snapshot
from tests.crash.selection import Kill, Pick, picks


def pickled(folder: Path, seed: int) -> Path:
    """Write a checkpoint as a single pickle."""
    import torch

    checkpoint(folder, seed)
    weights = {name: tensor for path in folder.glob("*.safetensors") for name, tensor in load_file(path).items()}
    for path in [*folder.glob("*.safetensors"), folder / "model.safetensors.index.json"]:
        path.unlink()
    torch.save({name: torch.from_numpy(tensor) for name, tensor in weights.items()}, folder / "pytorch_model.bin")
    return folder


@picks
def test_a_release_that_converts(
    hub: Hub, forks: Forks, workdir: Path, pick: Pick, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "tmp").mkdir()
    repo = f"crash/{workdir.name}"
    paths: dict[str, Any] = {"HF_TOKEN": TOKEN, "HFVER_CACHE": workdir / "memory", "TMPDIR": workdir / "tmp"}

    def release(run: int, **options: Any) -> Any:
        command = ["release", str(workdir / f"pickled-{run}"), "--convert", "--smoke", "off", "--json"]
        return forks.run(*command, "--repo", f"{repo}-{run}", "--hub", hub.url, **paths, **options)

    def kill_and_finish(run: int, kill: Kill) -> bool:
        before = snapshot(pickled(workdir / f"pickled-{run}", run))
        first = release(run, at=kill[0], torn=kill[1])
        seen = check_no_partial_version(hub, f"{repo}-{run}", (), workdir)
        again = release(run)
        assert again.code == 0, again.stderr + again.stdout
        check_one_version_added(hub, f"{repo}-{run}", (), workdir, seen=seen)
        assert snapshot(workdir / f"pickled-{run}") == before
        assert not list((workdir / "tmp").glob("hfver*"))
        shutil.rmtree(workdir / f"pickled-{run}")
        return bool(first.code < 0)

    pickled(workdir / "pickled-0", 0)
    points = release(0).points
    chosen = pick.kills(points, every=36, of_all=4)
    killed = sum(kill_and_finish(run, kill) for run, kill in enumerate(chosen, 1))
    with capsys.disabled():
        print(f"\n{len(points)} points, {len(chosen)} runs, {killed} killed")
    assert killed >= 0.6 * len(chosen)
