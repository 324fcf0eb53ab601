"""Several servers on one folder, servers that are killed, and servers under load."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from huggingface_hub import HfApi

from hfver.server import EmbeddedHub

from .test_run import SERVE
from .tools import REPO, ROOT, batch, file_line, git, header, post_commit, sha256, write

PROCESSES, COMMITS = 4, 25
MEGABYTE = 2**20

RACE = """
import sys, httpx
from hfver.server import EmbeddedHub
from tests.server.tools import file_line, header, post_commit
with EmbeddedHub(sys.argv[1]) as hub:
    with httpx.Client(base_url=hub.url, headers={"Authorization": f"Bearer {hub.token}"}, timeout=60) as http:
        for number in range(int(sys.argv[3])):
            answer = post_commit(http, header(), file_line(f"{sys.argv[2]}-{number}.txt"))
            assert answer.status_code == 200, answer.text
            tag = http.post("/api/models/demo/model/tag/main", json={"tag": f"v{number}"})
            assert tag.status_code in (200, 409), tag.text
            if tag.status_code == 200:
                print("won", number)
"""


def _spawn(code: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, env=environment
    )


def test_processes_on_one_folder_lose_no_commit_and_share_no_tag(
    hub: EmbeddedHub, http: httpx.Client, repo: str
) -> None:
    racers = [_spawn(RACE, str(hub.root), str(number), str(COMMITS)) for number in range(PROCESSES)]
    wins: list[str] = []
    for racer in racers:
        output, _ = racer.communicate(timeout=120)
        assert racer.returncode == 0
        wins += output.splitlines()
    assert sorted(wins) == sorted(f"won {number}" for number in range(COMMITS))
    tree = http.get(f"/api/models/{REPO}/tree/main").json()
    assert len(tree) == 1 + PROCESSES * COMMITS
    folder = hub.root / "repos" / "models" / f"{REPO}.git"
    assert git("rev-list", "--count", "main", cwd=folder).stdout == f"{1 + PROCESSES * COMMITS}\n"
    assert git("rev-list", "--merges", "main", cwd=folder).stdout == ""
    done = git("fsck", "--strict", cwd=folder)
    assert "error" not in done.stdout + done.stderr


def test_threads_that_commit_with_a_parent_get_412_or_their_commit(http: httpx.Client, repo: str) -> None:
    def commit(number: int) -> int:
        head = http.get(f"/api/models/{REPO}/revision/main").json()["sha"]
        return post_commit(http, header(parentCommit=head), file_line(f"{number}.txt")).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(commit, range(40)))
    assert set(statuses) <= {200, 412}
    tree = http.get(f"/api/models/{REPO}/tree/main").json()
    assert len(tree) == 1 + statuses.count(200)


def test_concurrent_starts_on_one_folder_create_a_repo_once(tmp_path: Path) -> None:
    hubs = [EmbeddedHub(tmp_path / "hub") for _ in range(4)]

    def create(hub: EmbeddedHub) -> int:
        with hub:
            headers = {"Authorization": f"Bearer {hub.token}"}
            return httpx.post(f"{hub.url}/api/repos/create", json={"name": "a/b"}, headers=headers).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(create, hubs)) == [200, 409, 409, 409]


def test_a_lock_left_by_a_killed_writer_is_broken(hub: EmbeddedHub, http: httpx.Client, repo: str) -> None:
    lock = hub.root / "repos" / "models" / f"{REPO}.git" / "refs" / "heads" / "main.lock"
    lock.touch()
    assert post_commit(http, header(), file_line("a.txt")).status_code == 200
    assert not lock.exists()


def test_a_lock_held_by_a_push_is_waited_for(hub: EmbeddedHub, http: httpx.Client, repo: str) -> None:
    folder = hub.root / "repos" / "models" / f"{REPO}.git"
    lock = folder / "refs" / "heads" / "main.lock"
    with (folder / "push.lock").open("wb") as push:
        fcntl.flock(push, fcntl.LOCK_SH)
        lock.touch()
        release = threading.Timer(0.3, lock.unlink)
        release.start()
        answer = post_commit(http, header(), file_line("a.txt"))
        assert release.finished.is_set()
        release.join()
    assert answer.status_code == 200


DIE_MOVING = """
import os, signal, sys
from hfver.server import context, names
context.move_repo = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # the folder has moved, the row has not
opened = context.ServerContext(sys.argv[1])
opened.move_repo(opened.database.repo("models/demo/model"), names.RepoId("models", "demo", "new"))
"""


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("then", ["read", "move", "create"])
def test_a_crash_during_a_move_loses_nothing(hub: EmbeddedHub, api: HfApi, repo: str, restart: bool, then: str) -> None:
    commit = write(api, {"a.txt": b"1"})
    with _spawn(DIE_MOVING, str(hub.root)) as dying:
        assert dying.wait() == -signal.SIGKILL
    if restart:
        hub.stop()
        hub.start()
        api = HfApi(endpoint=hub.url, token=hub.token)
        assert api.model_info(repo).sha == commit
    if then == "create":
        api.create_repo("demo/new")
        assert api.list_repo_files("demo/new") == [".gitattributes"]
    if then == "move":
        api.move_repo(repo, "demo/new")
        assert api.model_info("demo/new").sha == commit
    elif restart or then == "create":
        assert api.model_info(repo).sha == commit
    assert not list(hub.root.glob("repos/models/demo/*/moving")) or then == "read"


def test_of_concurrent_moves_one_wins_and_the_folder_follows(hub: EmbeddedHub, http: httpx.Client, repo: str) -> None:
    def move(number: int) -> int:
        body = {"fromRepo": REPO, "toRepo": f"demo/moved-{number}"}
        return http.post("/api/repos/move", json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(move, range(8)))
    assert set(statuses) == {200, 404}
    ((found,),) = [[item["id"] for item in http.get("/api/models").json()]]
    assert http.get(f"/{found}/resolve/main/.gitattributes").status_code == 200


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[psutil.Process, httpx.Client]]:
    """A Hub that is served by a separate process."""
    spawned = _spawn(SERVE, str(tmp_path / "served"))
    assert spawned.stdout is not None
    url, token = spawned.stdout.readline().split()
    with spawned, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
        assert http.post("/api/repos/create", json={"name": REPO}).status_code == 200
        yield psutil.Process(spawned.pid), http
        spawned.kill()


class _Zeros:
    """A body of zeros that is never completely in memory."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __iter__(self) -> Iterator[bytes]:
        block = bytes(MEGABYTE)
        yield from (block for _ in range(self.size // MEGABYTE))


def test_memory_stays_flat(server: tuple[psutil.Process, httpx.Client], tmp_path: Path) -> None:
    process, http = server
    size = 300 * MEGABYTE
    oid = _hash_of_zeros(size)
    before = process.memory_info().rss
    (item,) = batch(http, oid, size).json()["objects"]
    href = item["actions"]["upload"]["href"]
    assert httpx.put(href, content=_Zeros(size), headers={"Content-Length": str(size)}, timeout=120).status_code == 200
    line = {"key": "lfsFile", "value": {"path": "w.bin", "algo": "sha256", "oid": oid, "size": size}}
    assert post_commit(http, header(), line).status_code == 200
    received = 0
    with http.stream("GET", f"/{REPO}/resolve/main/w.bin") as answer:
        for block in answer.iter_raw(MEGABYTE):
            received += len(block)
    assert received == size
    assert process.memory_info().rss - before < 40 * MEGABYTE


def _hash_of_zeros(size: int) -> str:
    digest = hashlib.sha256()
    for block in _Zeros(size):
        digest.update(block)
    return digest.hexdigest()


def test_acknowledged_commits_survive_a_kill(tmp_path: Path) -> None:
    done: list[str] = []
    for round_number in range(3):
        spawned = _spawn(SERVE, str(tmp_path / "served"))
        assert spawned.stdout is not None
        url, token = spawned.stdout.readline().split()
        with spawned, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as http:
            http.post("/api/repos/create", json={"name": REPO})
            threading.Timer(0.4 + 0.13 * round_number, os.kill, (spawned.pid, signal.SIGKILL)).start()
            _commit_until_it_dies(http, f"{round_number}", done)
    with EmbeddedHub(tmp_path / "served") as hub:
        auth = {"Authorization": f"Bearer {hub.token}"}
        with httpx.Client(base_url=hub.url, headers=auth) as http:
            assert post_commit(http, header(), file_line("after.txt")).status_code == 200
            tree = http.get(f"/api/models/{REPO}/tree/main").json()
    assert set(done) < {item["path"] for item in tree}
    assert len(done) > 3
    report = git("fsck", "--strict", cwd=tmp_path / "served" / "repos" / "models" / f"{REPO}.git")
    assert "error" not in report.stdout + report.stderr


def _commit_until_it_dies(http: httpx.Client, name: str, done: list[str]) -> None:
    for number in range(10_000):
        data = f"{name}-{number}".encode()
        try:
            (item,) = batch(http, sha256(data), len(data)).json()["objects"]
            httpx.put(item["actions"]["upload"]["href"], content=data)
            line = {"key": "lfsFile", "value": {"path": f"{name}-{number}.bin", "algo": "sha256", "oid": sha256(data)}}
            if post_commit(http, header(), line).status_code == 200:
                done.append(f"{name}-{number}.bin")
        except httpx.HTTPError:
            return
