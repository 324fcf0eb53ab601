"""A pull is killed: no partial file counts as complete, and the next pull completes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import hfver
from hfver.core.manifest import MANIFEST, MARK, digest_of
from hfver.loading.pull import PART
from tests.crash.checks import fresh_reader
from tests.crash.environment import TOKEN, Forks, Hub, checkpoint
from tests.crash.points import Point
from tests.crash.selection import Kill, Pick, picks

Files = dict[str, str]
"""The files of a release: path to SHA-256."""


class Releases:
    """Two releases of one repo; the second lacks files of the first and has others."""

    def __init__(self, hub: Hub, workdir: Path) -> None:
        self.hub, self.workdir, self.repo = hub, workdir, f"crash/{workdir.name}"
        self.files = {version: self._release(seed, version) for seed, version in enumerate(("1.0.0", "2.0.0"))}

    def _release(self, seed: int, version: str) -> Files:
        folder = checkpoint(self.workdir / version, seed)
        (folder / f"only-in-{version}.txt").write_text(version)
        (folder / "notes").mkdir()
        (folder / "notes" / f"{version}.txt").write_text(version)
        with fresh_reader(self.workdir):
            done = hfver.release(folder, self.repo, version=version, hub=self.hub.url, token=TOKEN, smoke="off")
        return {file["path"]: file["sha256"] for file in done.files}

    def ref(self, version: str) -> str:
        return f"{self.repo}@{version}"


@pytest.fixture
def releases(hub: Hub, workdir: Path) -> Releases:
    return Releases(hub, workdir)


def hashes(folder: Path) -> Files:
    """Hash every file in a folder, including links into a cache."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest_of(path.read_bytes())[7:] for path in files}


def check_release(folder: Path, files: Files) -> None:
    """Check that a folder contains a release and nothing else."""
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
    releases: Releases, forks: Forks, workdir: Path, pick: Pick, capsys: pytest.CaptureFixture[str]
) -> None:
    def pull(folder: Path, **options: Any) -> Any:
        paths: dict[str, Any] = {"HFVER_CACHE": folder / "hfver", "HF_HUB_CACHE": folder / "hub"}
        command = ["pull", releases.ref("2.0.0"), "--hub", releases.hub.url]
        return forks.run(*command, HF_TOKEN=TOKEN, **paths, **options)

    def run(kill: Kill) -> bool:
        first = pull(workdir / "caches", at=kill[0], torn=kill[1])
        for snapshot in (workdir / "caches" / "hub").glob("models--*/snapshots/*"):
            found = hashes(snapshot)
            assert {path: found[path] for path in found if path != MANIFEST}.items() <= releases.files["2.0.0"].items()
        again = pull(workdir / "caches")
        assert again.code == 0, again.stderr
        check_release(Path(again.stdout.strip()), releases.files["2.0.0"])
        shutil.rmtree(workdir / "caches")
        return bool(first.code < 0)

    points = pull(workdir / "caches").points
    shutil.rmtree(workdir / "caches")
    # Threads download at once, and points move.
    kill_everywhere(pick.kills(points, every=23), run, capsys, pick.enough(0.6, 0.5))


@picks
@pytest.mark.parametrize("before", [None, "1.0.0"])
def test_into_a_folder(
    releases: Releases,
    forks: Forks,
    workdir: Path,
    before: str | None,
    pick: Pick,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = workdir / "target"
    paths: dict[str, Any] = {"HF_TOKEN": TOKEN, "HFVER_CACHE": workdir / "hfver", "HF_HUB_CACHE": workdir / "hub"}

    def pull(version: str, **options: Any) -> Any:
        command = ["pull", releases.ref(version), str(target), "--hub", releases.hub.url]
        return forks.run(*command, **paths, **options)

    def reset() -> None:
        shutil.rmtree(target, ignore_errors=True)
        if before:
            shutil.copytree(workdir / "as-it-was", target, symlinks=True)

    def run(kill: Kill) -> bool:
        reset()
        first = pull("2.0.0", at=kill[0], torn=kill[1])
        verdict = forks.run("verify", str(target), "--offline", **paths)
        if verdict.code == 0:
            found = "2.0.0" if hashes(target).items() >= releases.files["2.0.0"].items() else before
            assert found is not None
            check_release(target, releases.files[found])
        else:
            assert verdict.code in (2, 3), verdict.stderr
        then = "1.0.0" if kill[0][0] % 2 and first.code < 0 else "2.0.0"  # also to the earlier release
        again = pull(then)
        assert again.code == 0, again.stderr
        check_release(target, releases.files[then])
        assert forks.run("verify", str(target), "--offline", **paths).code == 0
        return bool(first.code < 0)

    for version in ("2.0.0", "1.0.0"):
        shutil.rmtree(target, ignore_errors=True)
        outcome = pull(version)
        assert outcome.code == 0, outcome.stderr
    shutil.copytree(target, workdir / "as-it-was")
    reset()
    points = pull("2.0.0").points
    kill_everywhere(pick.kills(points, every=5), run, capsys, pick.enough(0.8, 0.5))


def test_a_pulled_file_is_on_disk_before_it_gets_its_name(releases: Releases, forks: Forks, workdir: Path) -> None:
    target = workdir / "target"
    paths: dict[str, Any] = {"HF_TOKEN": TOKEN, "HFVER_CACHE": workdir / "hfver", "HF_HUB_CACHE": workdir / "hub"}
    for version in ("1.0.0", "2.0.0"):
        outcome = forks.run("pull", releases.ref(version), str(target), "--hub", releases.hub.url, **paths)
        assert outcome.code == 0, outcome.stderr
        points = outcome.points
        names = {}
        for number, point in enumerate(points):
            if point.call.startswith("rename") and point.path.startswith("pulling.part -> "):
                name = point.path.partition(" -> ")[2]
                names[name] = number
                check_durable(points, number, str(target / PART), name)
        assert len(names) > len(releases.files[version]) / 2
        # The mark is there first, the old manifest goes before a file changes, the new one comes last.
        assert next(iter(names)) == Path(MARK).name and list(names)[-1] == Path(MANIFEST).name
        deleted = {point.path: number for number, point in enumerate(points) if point.call == "unlinkat"}
        assert deleted[Path(MARK).name] > names[Path(MANIFEST).name]
        assert is_synced(points[deleted[Path(MARK).name] :], str(target / ".hfver"))
        if version == "2.0.0":
            first, second = list(names.values())[:2]
            gone = [
                number
                for number, point in enumerate(points)
                if point.call == "unlinkat" and point.path == Path(MANIFEST).name and first < number < second
            ]
            assert gone and is_synced(points[gone[0] : second], str(target / ".hfver"))
    new = [point for point in points if point.call == "mkdirat" and point.path == "notes"]
    assert not new or is_synced(points, str(target))


def test_a_lock_is_on_disk_before_it_gets_its_name(releases: Releases, forks: Forks, workdir: Path) -> None:
    lock = workdir / "hfver.lock"
    paths: dict[str, Any] = {"HF_TOKEN": TOKEN, "HFVER_CACHE": workdir / "hfver", "HF_HUB_CACHE": workdir / "hub"}
    command = ["lock", releases.ref("1.0.0"), "--lock", str(lock), "--hub", releases.hub.url]
    outcome = forks.run(*command, **paths)
    assert outcome.code == 0, outcome.stderr
    points = outcome.points
    (number,) = [number for number, point in enumerate(points) if point.path.endswith(f" -> {lock}")]
    check_durable(points, number, points[number].path.partition(" -> ")[0], lock.name)


def check_durable(points: Sequence[Point], number: int, source: str, name: str) -> None:
    """Check that the file was synced after its last write and before its rename, and that its new name was, too."""
    synced = max((at for at in range(number) if is_sync(points[at]) and points[at].path == source), default=-1)
    written = max((at for at in range(number) if points[at].path == source and not is_sync(points[at])), default=-1)
    assert synced > written, f"{name} gets its name before it is synced"
    after = next((point for point in points[number + 1 :] if is_sync(point)), None)
    assert after is not None and Path(after.path).is_dir(), f"the name {name} is not synced"


def is_sync(point: Point) -> bool:
    return point.call in ("fsync", "fdatasync")


def is_synced(points: Sequence[Point], path: str) -> bool:
    return any(is_sync(point) and point.path == path for point in points)
