"""A pull that is killed: no half file is ever taken for whole, and pulling again finishes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hfver
from hfver.core.manifest import MANIFEST, digest_of
from tests.crash.checks import fresh_reader
from tests.crash.picking import Kill, Pick, picks
from tests.crash.scene import TOKEN, Forks, Hub, checkpoint

Files = dict[str, str]
"""What a release holds: path to SHA-256."""


class Releases:
    """Two releases of one repo, of which the second has a file less and a file more."""

    def __init__(self, hub: Hub, room: Path) -> None:
        self.hub, self.room, self.repo = hub, room, f"crash/{room.name}"
        self.files = {version: self._release(seed, version) for seed, version in enumerate(("1.0.0", "2.0.0"))}

    def _release(self, seed: int, version: str) -> Files:
        folder = checkpoint(self.room / version, seed)
        (folder / f"only-in-{version}.txt").write_text(version)
        (folder / "notes").mkdir()
        (folder / "notes" / f"{version}.txt").write_text(version)
        with fresh_reader(self.room):
            done = hfver.release(folder, self.repo, version=version, hub=self.hub.url, token=TOKEN, smoke="off")
        return {file["path"]: file["sha256"] for file in done.files}

    def ref(self, version: str) -> str:
        return f"{self.repo}@{version}"


@pytest.fixture
def releases(hub: Hub, room: Path) -> Releases:
    return Releases(hub, room)


def hashes(folder: Path) -> Files:
    """Hash every file of a folder that is a name for one (a link into a cache counts)."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest_of(path.read_bytes())[7:] for path in files}


def check_whole(folder: Path, files: Files) -> None:
    """Check that a folder holds a release and nothing else."""
    found = hashes(folder)
    assert found.pop(MANIFEST)
    assert found == files


def kill_everywhere(
    chosen: list[Kill], run: Callable[[Kill], bool], capsys: pytest.CaptureFixture[str], share: float
) -> None:
    """Do a run per point, and say how many there were."""
    killed = 0
    for kill in chosen:
        try:
            killed += run(kill)
        except BaseException as error:
            error.add_note(f"killed {'within' if kill[1] else 'before'} {kill[0]}")
            raise
    with capsys.disabled():
        print(f"\n{len(chosen)} runs, {killed} killed")
    assert killed >= share * len(chosen)


@picks
def test_into_the_cache(
    releases: Releases, forks: Forks, room: Path, pick: Pick, capsys: pytest.CaptureFixture[str]
) -> None:
    def pull(folder: Path, **options: Any) -> Any:
        paths: dict[str, Any] = {"HFVER_CACHE": folder / "hfver", "HF_HUB_CACHE": folder / "hub"}
        command = ["pull", releases.ref("2.0.0"), "--hub", releases.hub.url]
        return forks.run(*command, HF_TOKEN=TOKEN, **paths, **options)

    def run(kill: Kill) -> bool:
        first = pull(room / "caches", at=kill[0], torn=kill[1])
        for snapshot in (room / "caches" / "hub").glob("models--*/snapshots/*"):
            found = hashes(snapshot)
            assert {path: found[path] for path in found if path != MANIFEST}.items() <= releases.files["2.0.0"].items()
        again = pull(room / "caches")
        assert again.code == 0, again.stderr
        check_whole(Path(again.stdout.strip()), releases.files["2.0.0"])
        shutil.rmtree(room / "caches")
        return bool(first.code < 0)

    points = pull(room / "caches").points
    shutil.rmtree(room / "caches")
    # Threads download at once, and points move.
    kill_everywhere(pick.kills(points, every=23), run, capsys, pick.enough(0.6, 0.5))


@picks
@pytest.mark.parametrize("before", [None, "1.0.0"])
def test_into_a_folder(
    releases: Releases,
    forks: Forks,
    room: Path,
    before: str | None,
    pick: Pick,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = room / "target"
    paths: dict[str, Any] = {"HF_TOKEN": TOKEN, "HFVER_CACHE": room / "hfver", "HF_HUB_CACHE": room / "hub"}

    def pull(version: str, **options: Any) -> Any:
        command = ["pull", releases.ref(version), str(target), "--hub", releases.hub.url]
        return forks.run(*command, **paths, **options)

    def begin() -> None:
        shutil.rmtree(target, ignore_errors=True)
        if before:
            shutil.copytree(room / "as-it-was", target, symlinks=True)

    def run(kill: Kill) -> bool:
        begin()
        first = pull("2.0.0", at=kill[0], torn=kill[1])
        verdict = forks.run("verify", str(target), "--offline", **paths)
        if verdict.code == 0:
            whole = "2.0.0" if hashes(target).items() >= releases.files["2.0.0"].items() else before
            assert whole is not None
            check_whole(target, releases.files[whole])
        else:
            assert verdict.code in (2, 3), verdict.stderr
        then = "1.0.0" if kill[0][0] % 2 and first.code < 0 else "2.0.0"  # people also go back
        again = pull(then)
        assert again.code == 0, again.stderr
        check_whole(target, releases.files[then])
        assert forks.run("verify", str(target), "--offline", **paths).code == 0
        return bool(first.code < 0)

    for version in ("2.0.0", "1.0.0"):
        shutil.rmtree(target, ignore_errors=True)
        outcome = pull(version)
        assert outcome.code == 0, outcome.stderr
    shutil.copytree(target, room / "as-it-was")
    begin()
    points = pull("2.0.0").points
    kill_everywhere(pick.kills(points, every=5), run, capsys, pick.enough(0.8, 0.5))
