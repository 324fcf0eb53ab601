"""A Hub is killed at every system call that changes its folder.

A kill loses nothing that was handed to the kernel, so this does not cover power failures. That files are synced to disk
before they get their names and before the client gets its answer is checked by the order of the calls.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from hfver.server import EmbeddedHub
from tests.crash.environment import TOKEN, USER, Forks
from tests.crash.fork_server import Outcome
from tests.crash.hub_actions import ACTIONS, observe
from tests.crash.points import Point
from tests.crash.selection import Kill, Pick, picks

AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}
SNAPSHOTS = list[dict[str, Any]]


class ClientLog:
    """What a client did and the Hub acknowledged: the number of actions, and the commits."""

    def __init__(self) -> None:
        self.actions = 0
        self.commits: list[str] = []

    def act(self, http: httpx.Client, start: int = 0) -> None:
        """Do the actions from ``start`` on."""
        for action in ACTIONS[start:]:
            commit = action(http)
            self.commits += [commit] if commit else []
            self.actions += 1


LOOSE = re.compile(r"\.git/objects/[0-9a-f]{2}/[0-9a-f]{38}$")


def client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers=AUTHORIZATION, timeout=60)


def served(forks: Forks, root: Path, log: ClientLog, kill: Kill | None = None) -> Outcome:
    """Serve a folder in a child that may be killed, and do all actions on it."""
    output = root.with_suffix(".url")
    at, torn = kill or (None, False)
    forks.start("hub", "serve", "--root", str(root), at=at, torn=torn, output=str(output))
    server = _child_of(forks)
    try:
        if server and (url := _url_of(server, output)):
            with client(url) as http:
                log.act(http)
    except httpx.HTTPError:
        pass
    finally:
        if server and (kill is None or log.actions == len(ACTIONS)):
            with suppress(psutil.NoSuchProcess):
                server.terminate()
    return forks.wait()


def _child_of(forks: Forks) -> psutil.Process | None:
    end = time.monotonic() + 60
    while time.monotonic() < end and not forks.has_ended():
        if children := psutil.Process(forks.pid).children():
            return children[0]
        time.sleep(0.001)
    return None


def _url_of(server: psutil.Process, output: Path) -> str | None:
    with suppress(psutil.NoSuchProcess):
        while server.status() != psutil.STATUS_ZOMBIE:
            if output.exists() and (text := output.read_text()).endswith("\n"):
                return text.strip()
            time.sleep(0.002)
    return None


def snapshots(root: Path) -> SNAPSHOTS:
    """Do every action on a Hub that lives, and observe it before and after each."""
    with EmbeddedHub(root, users={USER: TOKEN}) as hub, client(hub.url) as http:
        seen = [observe(http)]
        for action in ACTIONS:
            action(http)
            seen.append(observe(http))
        return seen


def check_folder(root: Path, acknowledged: Sequence[str], *, deleted: bool) -> None:
    """Check repositories and LFS objects on disk."""
    known = set[str]()
    for repository in (root / "repos").glob("models/*/*.git"):
        done = git(repository, "fsck", "--full", "--strict")
        assert done.returncode == 0, done.stderr
        assert "error" not in done.stdout + done.stderr
        known |= set(git(repository, "rev-list", "--all").stdout.split())
    assert deleted or set(acknowledged) <= known
    for path in (root / "lfs" / "objects").glob("??/??/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-c", "safe.directory=*", "--git-dir", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@picks
def test_a_killed_hub(forks: Forks, workdir: Path, pick: Pick, capsys: pytest.CaptureFixture[str]) -> None:
    seen = snapshots(workdir / "model")
    outcome = served(forks, workdir / "dry", ClientLog())
    assert outcome.code == 0, outcome.stderr
    chosen, killed = pick.kills(outcome.points, every=67), 0
    for number, kill in enumerate(chosen):
        try:
            killed += _kill_and_restart(forks, workdir / f"hub-{number}", kill, seen)
        except BaseException as error:
            error.add_note(f"killed {'within' if kill[1] else 'before'} {kill[0]}")
            raise
    with capsys.disabled():
        print(f"\n{len(outcome.points)} points, {len(chosen)} runs, {killed} killed")
    assert killed >= pick.enough(0.8, 0.6) * len(chosen)


def _kill_and_restart(forks: Forks, root: Path, kill: Kill, seen: SNAPSHOTS) -> bool:
    """Kill a Hub, restart it on its folder, compare it with what was acknowledged, and do the remaining actions."""
    log = ClientLog()
    outcome = served(forks, root, log, kill)
    done, last = log.actions, outcome.points[-1]
    try:
        with EmbeddedHub(root, users={USER: TOKEN}) as hub, client(hub.url) as http:
            found = observe(http)
            possible = [step for step in (done, min(done + 1, len(ACTIONS))) if seen[step] == found]
            assert possible, f"after {done} actions: {found}"
            check_folder(root, log.commits, deleted=done >= len(ACTIONS) - 1)
            log.act(http, possible[-1] if found != seen[done] else done)
            assert observe(http) == seen[-1]
        check_folder(root, (), deleted=True)
        assert not list(root.glob("repos/models/**/refs/**/*.lock"))
        assert not list(root.glob("repos/.drafts/*"))
    except BaseException as error:
        error.add_note(f"{last}, after {[action.__name__ for action in ACTIONS[:done]]}")
        raise
    shutil.rmtree(root)
    return outcome.code < 0


def test_a_file_is_synced_before_it_gets_its_name(forks: Forks, workdir: Path) -> None:
    outcome = served(forks, workdir / "hub", ClientLog())
    points = outcome.points
    for kind in (".pack", ".idx", "/lfs/objects/", "/refs/heads/main"):
        renames = [number for number, point in enumerate(points) if _gives_name(point, kind)]
        assert renames, kind
        for number in renames:
            source, target = points[number].path.split(" -> ")
            assert _is_synced(points[:number], source), f"{source} gets its name before it is synced"
            assert _is_synced(points[number:], str(Path(target).parent)), f"the name {target} is not synced"


def test_the_folder_of_a_tag_object_is_synced_before_the_tag_is_there(forks: Forks, workdir: Path) -> None:
    points = served(forks, workdir / "hub", ClientLog()).points
    (tag,) = [number for number, point in enumerate(points) if _gives_name(point, "/refs/tags/v1.0.0")]
    loose = [number for number in range(tag) if LOOSE.search(points[number].path) and _gives_name(points[number], "")]
    assert loose
    folder = Path(points[loose[-1]].path.partition(" -> ")[2]).parent
    assert _is_synced(points[loose[-1] : tag], str(folder))
    assert _is_synced(points[loose[-1] : tag], str(folder.parent))


class Push(ClientLog):
    """Creates a repo, and pushes a commit to it with git."""

    def act(self, http: httpx.Client, start: int = 0) -> None:  # noqa: ARG002
        http.post("/api/repos/create", json={"name": "pushed", "organization": USER}).raise_for_status()
        url = f"{http.base_url.scheme}://{USER}:{TOKEN}@{http.base_url.netloc.decode()}/{USER}/pushed"
        commands = (
            ["clone", "-q", url, str(self.folder)],
            [
                "-C",
                str(self.folder),
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b.c",
                "commit",
                "-qm",
                "x",
                "--allow-empty",
            ],
            ["-C", str(self.folder), "push", "-q", "origin", "HEAD:main"],
        )
        for command in commands:
            subprocess.run(["git", *command], check=True, capture_output=True)
        self.head = git(self.folder / ".git", "rev-parse", "HEAD").stdout.strip()
        self.commits.append(self.head)

    folder: Path
    head: str


def test_the_folders_of_pushed_objects_are_synced(forks: Forks, workdir: Path) -> None:
    log = Push()
    log.folder = workdir / "clone"
    points = served(forks, workdir / "hub", log).points
    (repository,) = (workdir / "hub").glob("repos/models/*/pushed.git")
    assert (repository / "objects" / log.head[:2] / log.head[2:]).exists()
    for folder in (f"objects/{log.head[:2]}", "objects", "refs/heads"):
        assert _is_synced(points, str(repository / folder)), folder


def _gives_name(point: Point, kind: str) -> bool:
    target = point.path.partition(" -> ")[2]
    return point.call in ("rename", "link") and kind in target and "/.drafts/" not in target


def _is_synced(points: Sequence[Point], path: str) -> bool:
    return any(point.call in ("fsync", "fdatasync") and point.path.rstrip("/") == path.rstrip("/") for point in points)
