"""Broken networks and overloaded Hubs: commands succeed after retries, or end with a proper error."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.errors import BadConfig, HubError, HubUnreachable
from tests.faults.conftest import TOKEN, write_checkpoint
from tests.faults.proxy import Fault, Proxy, answer, cut, drop, lose_reply, reset, slow, stall, stall_after, trickle

TRANSIENT: dict[str, Fault] = {
    "429": answer(429),
    "429, wait 0": answer(429, Retry_After="0"),
    "500": answer(500),
    "502": answer(502),
    "503": answer(503),
    "dropped before": drop,
    "reset": reset,
    "reply lost": lose_reply,
    "cut": cut(10),
    "slow": slow(0.2),
}


def release(proxy: Proxy, folder: Path, repo: str, **options: Any) -> Any:
    return hfver.release(folder, repo, hub=proxy.url, token=TOKEN, smoke="off", **options)


def check_versions(hub: LocalHub, repo: str, versions: list[str]) -> None:
    """Check the Hub itself: exactly these versions, one ledger line each, and no leftover branch."""
    assert [str(one.version) for one in hfver.versions(repo, hub=hub).releases] == versions
    folder = hub.path / "repos" / "models" / f"{repo}.git"
    show = ["git", "-C", str(folder), "show", "main:.hfver/releases.jsonl"]
    lines = subprocess.run(show, check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(lines) == len(versions)
    refs = ["git", "-C", str(folder), "for-each-ref", "--format=%(refname)"]
    names = subprocess.run(refs, check=True, capture_output=True, text=True).stdout.split()
    assert names == ["refs/heads/main", *sorted(f"refs/tags/v{version}" for version in versions)]


@pytest.mark.parametrize("name", TRANSIENT)
def test_any_request_can_fail_once(name: str, proxy: Proxy, busy_hub: LocalHub, tmp_path: Path) -> None:
    """The first request of each kind gets the fault, and its retry succeeds."""
    fault, repo = TRANSIENT[name], f"acme/once-{list(TRANSIENT).index(name)}"
    kinds = [
        "/api/whoami", "/api/repos/create", "/refs", "/tree/", "/resolve/", "POST .*/branch/", "DELETE .*/branch/",
        "/preupload/", "/objects/batch", "PUT /lfs-objects/", "/verify", "/commit/hfver", "/tag/", "/commit/main",
    ]  # fmt: skip
    for kind in kinds:
        proxy.on(kind, fault)
    done = release(proxy, write_checkpoint(tmp_path / "made"), repo)
    assert done.version == "1.0.0"
    assert hfver.resolve(f"{repo}@^1", hub=proxy.url, token=TOKEN).commit == done.commit
    for kind in ("/refs", "/resolve/"):
        proxy.on(kind, fault)
    pulled = hfver.pull(repo, tmp_path / "pulled", hub=proxy.url, token=TOKEN)
    assert (pulled.path / "model.safetensors").read_bytes() == (tmp_path / "made/model.safetensors").read_bytes()
    proxy.on("/refs", fault)
    assert [one.version for one in hfver.versions(repo, hub=proxy.url, token=TOKEN).releases] == ["1.0.0"]
    assert proxy.idle_rules == []
    check_versions(busy_hub, repo, ["1.0.0"])


@pytest.mark.parametrize("path", ["/branch/", "PUT /lfs-objects/", "/verify", "/commit/hfver", "/tag/", "/commit/main"])
def test_a_lost_reply_to_a_write_does_not_make_a_second_version(
    path: str, proxy: Proxy, busy_hub: LocalHub, tmp_path: Path
) -> None:
    repo, messages = f"acme/lost-{abs(hash(path))}", list[str]()
    release(proxy, write_checkpoint(tmp_path / "made"), repo)
    proxy.clear()
    proxy.on(f"(POST|PUT) .*{path.removeprefix('PUT ')}", lose_reply)
    done = release(proxy, write_checkpoint(tmp_path / "made"), repo, version="1.1.0", say=messages.append)
    assert proxy.idle_rules == []
    assert (done.version, done.note) == ("1.1.0", None)
    assert not any("meanwhile" in message or "in the meantime" in message for message in messages)
    check_versions(busy_hub, repo, ["1.1.0", "1.0.0"])


@pytest.mark.parametrize(("status", "date"), [(429, False), (503, True)], ids=["seconds", "date"])
def test_retry_after_is_honored(status: int, date: bool, proxy: Proxy, tmp_path: Path) -> None:
    repo = f"acme/after-{status}-{date}"
    release(proxy, write_checkpoint(tmp_path / "made"), repo)
    for path in ("/resolve/.*safetensors", "/refs", "PUT"):
        proxy.clear()
        due = formatdate(time.time() + 2, usegmt=True) if date else "1"
        proxy.on(path, answer(status, Retry_After=due))
        if path == "PUT":
            release(proxy, write_checkpoint(tmp_path / "made"), repo)
        else:
            hfver.pull(repo, hub=proxy.url, token=TOKEN)
        first, second, *_ = proxy.seen(path)
        assert 0.9 <= second.at - first.at < 3.5


@pytest.mark.parametrize("headers", [{"Retry_After": "7200"}, {"RateLimit": '"api";r=0;t=7200'}], ids=str)
def test_a_wait_of_hours_is_an_error(headers: dict[str, str], proxy: Proxy, tmp_path: Path) -> None:
    release(proxy, write_checkpoint(tmp_path / "made"), "acme/hours")
    for path in ("/refs", "/resolve/.*safetensors", "PUT"):
        proxy.clear()
        proxy.on(path, answer(429, **headers), times=None)
        with pytest.raises(HubError, match="429") as caught:
            hfver.pull("acme/hours", tmp_path / "new", hub=proxy.url, token=TOKEN)
            release(proxy, write_checkpoint(tmp_path / "made"), "acme/hours")
        assert "7200 s: run the same command again after 20" in caught.value.hint
        assert len(proxy.seen(path)) == 1


LASTING: dict[str, tuple[Fault, type[HubError]]] = {
    "429": (answer(429), HubError),
    "500": (answer(500), HubError),
    "503": (answer(503), HubError),
    "dropped": (drop, HubUnreachable),
    "reset": (reset, HubUnreachable),
    "cut": (cut(0), HubUnreachable),
    "stalled": (stall, HubUnreachable),
}


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_fault_is_an_error_after_the_last_retry(
    name: str, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault, kind = LASTING[name]
    monkeypatch.setenv("HFVER_HTTP_RETRIES", "2")
    monkeypatch.setenv("HFVER_HTTP_TIMEOUT", "0.3")
    repo = f"acme/lasting-{list(LASTING).index(name)}"
    release(proxy, write_checkpoint(tmp_path / "made"), repo)
    commands: dict[str, Callable[[], object]] = {
        "/refs": lambda: hfver.versions(repo, hub=proxy.url, token=TOKEN),
        "/api/models": lambda: hfver.resolve(repo, hub=proxy.url, token=TOKEN),
        "/resolve/.*safetensors": lambda: hfver.pull(repo, hub=proxy.url, token=TOKEN),
        "/commit/": lambda: release(proxy, write_checkpoint(tmp_path / "made"), repo),
    }
    for path, command in commands.items():
        proxy.clear()
        proxy.on(path, fault, times=None)
        with pytest.raises(kind) as caught:
            command()
        assert caught.value.exit_code == 4
        assert 2 < len(proxy.seen(path)) <= 6


def test_a_stalled_upload_is_retried(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HFVER_HTTP_TIMEOUT", "0.2")
    proxy.on("PUT", stall)
    assert release(proxy, write_checkpoint(tmp_path / "made"), "acme/stalled").version == "1.0.0"
    assert len(proxy.seen("PUT")) == 2


@pytest.mark.parametrize("fault", ["cut", "stalled", "busy between"])
def test_a_large_download_resumes(fault: str, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size, repo = 4_000_000, f"acme/large-{fault.replace(' ', '-')}"
    monkeypatch.setenv("HFVER_HTTP_TIMEOUT", "0.3")
    folder = write_checkpoint(tmp_path / "made", size=size)
    release(proxy, folder, repo)
    proxy.clear()
    stop = stall_after(1_500_000) if fault == "stalled" else cut(1_500_000)
    proxy.on("GET .*safetensors", stop, *([answer(503)] if fault == "busy between" else []), stop)
    pulled = hfver.pull(repo, tmp_path / "pulled", hub=proxy.url, token=TOKEN)
    asked = proxy.seen("GET .*safetensors")
    starts = [int(one.headers.get("range", "bytes=0-")[6:-1]) for one in asked if one.status != 503]
    assert starts[0] == 0 and 1_300_000 < starts[1] <= 1_500_000 and 2_600_000 < starts[2] <= 3_000_000
    assert sum(one.sent for one in asked) < size + 600_000
    assert (pulled.path / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_a_failed_download_is_resumed_by_the_next_command(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_checkpoint(tmp_path / "made", size=2_000_000)
    release(proxy, folder, "acme/later")
    monkeypatch.setenv("HFVER_HTTP_RETRIES", "0")
    proxy.on("GET .*safetensors", cut(1_000_000))
    with pytest.raises(HubUnreachable):
        hfver.pull("acme/later", hub=proxy.url, token=TOKEN)
    pulled = hfver.pull("acme/later", hub=proxy.url, token=TOKEN)
    assert sum(one.sent for one in proxy.seen("GET .*safetensors")) < 2_300_000
    assert (pulled.path / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


@pytest.mark.parametrize("then", ["as it was", "damaged", "too long"])
def test_a_killed_download_is_resumed_and_nothing_else_sees_its_beginning(
    then: str, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, repo, cache = 4_000_000, f"acme/killed-{len(then)}", tmp_path / "hf"
    folder = write_checkpoint(tmp_path / "made", size=size)
    release(proxy, folder, repo)
    weights = (folder / "model.safetensors").read_bytes()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    proxy.on("GET .*safetensors", stall_after(3_000_000))
    environment = {**os.environ, "HF_HUB_CACHE": str(cache), "HFVER_HTTP_TIMEOUT": "60"}
    with subprocess.Popen([sys.executable, "-m", "hfver", "pull", repo, "--hub", proxy.url], env=environment) as pull:
        part = wait_for_part(cache, 2_900_000)
        pull.kill()
    assert not [path for path in cache.rglob("*") if "safetensors" in path.name]
    assert not [path for path in cache.glob("models--*/blobs/*") if path.stat().st_size > 10_000]
    if then == "damaged":
        with part.open("r+b") as file:
            file.write(b"\xff" * 8)
    elif then == "too long":
        part.write_bytes(weights + b"more")
    proxy.clear()
    pulled = hfver.pull(repo, hub=proxy.url)
    asked = proxy.seen("GET .*safetensors")
    resumed = [one.headers.get("range") != "bytes=0-" for one in asked]
    assert resumed == {"as it was": [True], "damaged": [True, False], "too long": [False]}[then]
    assert sum(one.sent for one in asked) < (1_300_000 if then == "as it was" else 2 * size)
    assert (pulled.path / "model.safetensors").read_bytes() == weights
    assert not list(cache.rglob("*.part"))


def wait_for_part(cache: Path, size: int) -> Path:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for part in cache.glob("models--*/.hfver/*/*.part"):
            if part.stat().st_size >= size:
                return part
        time.sleep(0.02)
    raise AssertionError("nothing was downloaded")


def test_what_huggingface_hub_began_is_continued(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_checkpoint(tmp_path / "made", size=2_000_000)
    done = release(proxy, folder, "acme/begun")
    weights = (folder / "model.safetensors").read_bytes()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    name = {file["path"]: file["sha256"] for file in done.files}["model.safetensors"]
    begun = tmp_path / "hf" / "models--acme--begun" / "blobs" / f"{name}.incomplete"
    begun.parent.mkdir(parents=True)
    begun.write_bytes(weights[:1_500_000])
    pulled = hfver.pull("acme/begun", hub=proxy.url, token=TOKEN)
    assert [one.headers.get("range") for one in proxy.seen("GET .*safetensors")] == ["bytes=1500000-"]
    assert (pulled.path / "model.safetensors").read_bytes() == weights
    assert not begun.exists()


@pytest.mark.parametrize("path", ["GET .*safetensors", "GET .*/refs"])
def test_a_response_that_trickles_is_given_up(
    path: str, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = f"acme/trickle-{len(path)}"
    release(proxy, write_checkpoint(tmp_path / "made", size=100_000), repo)
    monkeypatch.setattr("hfver.hub.pace.WINDOW", 0.3)
    monkeypatch.setenv("HFVER_HTTP_RETRIES", "1")
    proxy.clear()
    proxy.on(path, trickle(0.02), times=2)
    started = time.monotonic()
    with pytest.raises(HubUnreachable, match=r"received \d+ bytes in 0 s, fewer than 30000"):
        hfver.pull(repo, hub=proxy.url, token=TOKEN)
    assert time.monotonic() - started < 10
    monkeypatch.setenv("HFVER_HTTP_FLOOR", "1")
    assert hfver.pull(repo, hub=proxy.url, token=TOKEN).release.version == "1.0.0"


def test_invalid_retry_settings_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RETRIES": "many", "PAUSE": "-1", "TIMEOUT": "0", "FLOOR": "-1"}.items():
        with monkeypatch.context() as here, pytest.raises(BadConfig, match=f"HFVER_HTTP_{name}"):
            here.setenv(f"HFVER_HTTP_{name}", value)
            hfver.versions("acme/bot", hub="http://127.0.0.1:9")
