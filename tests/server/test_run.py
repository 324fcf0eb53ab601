"""Starting and stopping: `EmbeddedHub` and `serve`."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from hfver.server import EmbeddedHub, HubSetupError, NotAHubError, UnsafeBindingError, serve

from .tools import REPO, ROOT, batch, git, python

EVERYWHERE = "0.0.0.0"  # noqa: S104  (to see it refused)
SERVE = """
import sys
from hfver.server import serve
users = dict(pair.split(":") for pair in sys.argv[2:])
serve(sys.argv[1], users=users, announce=lambda url, token: print(url, token, flush=True))
"""


def test_it_starts_quickly_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with EmbeddedHub(tmp_path / "hub") as warm:
        httpx.get(f"{warm.url}/api/models")
    process, threads = psutil.Process(), set(threading.enumerate())
    gc.collect()
    handles = process.num_fds()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        with EmbeddedHub(tmp_path / "hub") as hub:
            times.append(time.perf_counter() - start)
            assert httpx.get(f"{hub.url}/api/models").json() == []
    assert min(times) < 0.15
    gc.collect()
    assert process.num_fds() <= handles
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(threading.enumerate()) - threads == set()


def test_stopping_does_not_wait_for_idle_connections(tmp_path: Path) -> None:
    hub = EmbeddedHub(tmp_path / "hub").start()
    with httpx.Client(base_url=hub.url) as client:
        client.get("/api/models")
        start = time.perf_counter()
        hub.stop()
        assert time.perf_counter() - start < 1
    hub.stop()
    with pytest.raises(HubSetupError, match="not running"):
        _ = hub.url


def test_repos_and_users_survive_a_restart(tmp_path: Path) -> None:
    with EmbeddedHub(tmp_path / "hub", users={"ann": "t"}) as hub:
        auth = {"Authorization": f"Bearer {hub.token}"}
        assert httpx.post(f"{hub.url}/api/repos/create", json={"name": "a/b"}, headers=auth).status_code == 200
        first = hub.token
    with EmbeddedHub(tmp_path / "hub") as again:
        assert again.token != first
        assert again.root == tmp_path / "hub"
        ids = [repo["id"] for repo in httpx.get(f"{again.url}/api/models").json()]
        assert ids == ["a/b"]
        assert httpx.get(f"{again.url}/api/whoami-v2", headers={"Authorization": "Bearer t"}).json()["name"] == "ann"


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(NotAHubError, match=r"precious\.txt"):
        EmbeddedHub(tmp_path).start()
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
    with pytest.raises(NotAHubError, match="is a file"):
        EmbeddedHub(tmp_path / "precious.txt").start()


@pytest.mark.parametrize(
    "users", [{"a/b": "t"}, {"..": "t"}, {"api": "t"}, {"ann": ""}, {"ann": "a b"}, {"ann": "é"}, {"ann": "a\nb"}]
)
def test_bad_users_are_refused(tmp_path: Path, users: dict[str, str]) -> None:
    with pytest.raises(HubSetupError):
        EmbeddedHub(tmp_path / "hub", users=users).start()


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", "example.invalid"])
def test_listening_beyond_loopback_requires_a_token(tmp_path: Path, host: str) -> None:
    with pytest.raises(UnsafeBindingError, match="no user has a token"):
        EmbeddedHub(tmp_path / "hub", host=host).start()
    with pytest.raises(UnsafeBindingError):
        serve(tmp_path / "hub", host=host, users={}, announce=lambda *_: None)


def test_listening_beyond_loopback_works_with_a_token(tmp_path: Path) -> None:
    with EmbeddedHub(tmp_path / "hub", host=EVERYWHERE, users={"ann": "t"}) as hub:
        port = hub.url.rpartition(":")[2]
        assert httpx.get(f"http://127.0.0.1:{port}/api/models").status_code == 200
    with EmbeddedHub(tmp_path / "hub", host=EVERYWHERE):
        pass


def test_an_unusable_port_is_reported(tmp_path: Path) -> None:
    with EmbeddedHub(tmp_path / "hub") as hub:
        port = int(hub.url.rpartition(":")[2])
        with pytest.raises(HubSetupError, match="cannot listen"):
            EmbeddedHub(tmp_path / "other", port=port).start()
    with pytest.raises(HubSetupError, match="cannot listen"):
        EmbeddedHub(tmp_path / "other", port=99999).start()


def _serve(*arguments: str) -> tuple[subprocess.Popen[str], str, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    url, token = process.stdout.readline().split()
    return process, url, token


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_runs_until_a_signal_stops_it(tmp_path: Path, number: signal.Signals) -> None:
    process, url, token = _serve(str(tmp_path / "hub"))
    with process:
        auth = {"Authorization": f"Bearer {token}"}
        assert httpx.post(f"{url}/api/repos/create", json={"name": "a/b"}, headers=auth).status_code == 200
        start = time.perf_counter()
        process.send_signal(number)
        process.wait(timeout=10)
        assert time.perf_counter() - start < 5


@pytest.mark.parametrize("trickles", [False, True], ids=["stalled", "still sending"])
def test_serve_stops_promptly_and_cleanly_during_an_upload(tmp_path: Path, trickles: bool) -> None:
    process, url, token = _serve(str(tmp_path / "hub"))
    with process, httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}) as http:
        http.post("/api/repos/create", json={"name": REPO})
        (item,) = batch(http, "0" * 64, 2**30).json()["objects"]
        target = httpx.URL(item["actions"]["upload"]["href"])
        with socket.create_connection((target.host, target.port)) as raw:
            path = target.raw_path.decode()
            raw.sendall(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {2**30}\r\n\r\n".encode())
            raw.sendall(bytes(3 * 2**20))
            start = time.perf_counter()
            process.terminate()
            with suppress(OSError):
                while trickles and process.poll() is None and time.perf_counter() - start < 10:
                    raw.sendall(bytes(1000))
                    time.sleep(0.01)
            process.wait(timeout=10)
        assert time.perf_counter() - start < 3
    assert process.returncode == 0
    assert list((tmp_path / "hub" / "lfs" / "incoming").iterdir()) == []


def test_serve_has_the_users_that_it_was_given_or_an_owner(tmp_path: Path) -> None:
    process, url, token = _serve(str(tmp_path / "hub"), "ann:ann-token")
    with process:
        assert token == "None"
        auth = {"Authorization": "Bearer ann-token"}
        assert httpx.get(f"{url}/api/whoami-v2", headers=auth).json()["name"] == "ann"
        assert httpx.get(f"{url}/api/models").json() == []
        process.terminate()
    process, url, token = _serve(str(tmp_path / "hub"))
    with process:  # without users, the token of an earlier one is worth nothing, and there is an owner again
        assert token != "None"
        assert httpx.get(f"{url}/api/whoami-v2", headers=auth).status_code == 401
        assert httpx.get(f"{url}/api/whoami-v2", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        process.terminate()


def test_importing_is_cheap_and_needs_no_extra() -> None:
    code = "import sys, hfver.server; print(sorted({'starlette', 'uvicorn', 'pygit2', 'sqlite3'} & set(sys.modules)))"
    assert python(code).stdout.strip() == "[]"
    blocked = "import sys; sys.modules['starlette'] = None\nimport hfver.server\nhfver.server.EmbeddedHub"
    assert "ImportError" in python(blocked).stderr or "ModuleNotFoundError" in python(blocked).stderr


def test_the_layout_of_the_folder(tmp_path: Path) -> None:
    with EmbeddedHub(tmp_path / "hub") as hub:
        auth = {"Authorization": f"Bearer {hub.token}"}
        httpx.post(f"{hub.url}/api/repos/create", json={"name": "Some/Model"}, headers=auth)
    assert {path.name for path in (tmp_path / "hub").iterdir()} == {
        "hub.json",
        "hub.db",
        "secret",
        "hooks",
        "repos",
        "lfs",
    }
    repository = tmp_path / "hub" / "repos" / "models" / "some" / "model.git"
    assert (repository / "description").read_text() == "Some/Model\n"
    assert git("log", "--format=%s", "main", cwd=repository).stdout == "initial commit\n"
    assert "uploadpack.allowfilter=true" in git("config", "--list", cwd=repository).stdout
