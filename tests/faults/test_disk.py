"""Disks that are full, read-only or limited: a command says which, where, how much is missing, and what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

import hfver
from hfver.core.disk import check_space, disk_error, explain, free_bytes, writing
from hfver.errors import DiskError, HubError
from tests.faults.conftest import TOKEN, write_checkpoint
from tests.faults.proxy import Proxy

SIZE = 4_000_000
PICKLE = """
import sys, torch
torch.save({"weight": torch.zeros(1_000_000)}, sys.argv[1])
"""

Mounted = Callable[..., list[str]]


def _can_mount() -> bool:
    probe = "mount -t tmpfs -o size=1m tmpfs /mnt"
    try:
        return subprocess.run(["unshare", "-rm", "sh", "-c", probe], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


CAN_MOUNT = _can_mount()
needs_mounts = pytest.mark.skipif(not CAN_MOUNT, reason="mounting a small disk needs user namespaces")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """The place where a small disk is mounted for a command."""
    folder = tmp_path / "disk"
    folder.mkdir()
    return folder


def on_disk(disk: Path, *command: str, options: str = "size=2m") -> list[str]:
    """Return a command that runs with a small disk mounted, which nobody else sees."""
    script = 'mount -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"'
    return ["unshare", "-rm", "sh", "-c", script, "sh", options, str(disk), *command]


def run_hfver(command: list[str], **variables: Path | str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_TOKEN": TOKEN, **{name: str(value) for name, value in variables.items()}}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def hfver_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "hfver", *arguments]


def check_message(done: subprocess.CompletedProcess[str], place: Path, *words: str, code: int = 1) -> None:
    said = " ".join(done.stderr.split())
    assert done.returncode == code, said
    assert str(place) in said.replace(" ", "") or str(place) in said
    for word in words:
        assert word in said, said
    assert "report it" not in said and "Traceback" not in said


@pytest.fixture
def repo(proxy: Proxy, tmp_path: Path) -> Iterator[str]:
    """A release with weights of 4 MB; nothing of it is in a cache."""
    name = f"acme/{tmp_path.name.replace('_', '-')[-40:]}"
    hfver.release(write_checkpoint(tmp_path / "made", size=SIZE), name, hub=proxy.url, token=TOKEN, smoke="off")
    proxy.clear()
    yield name


@needs_mounts
def test_room_in_the_cache_is_checked_before_a_download(repo: str, proxy: Proxy, disk: Path, tmp_path: Path) -> None:
    done = run_hfver(on_disk(disk, *hfver_command("pull", repo, "--hub", proxy.url)), HF_HUB_CACHE=disk / "hf")
    check_message(done, disk, "has no room", "4.0 MB needed, 2.1 MB free", "HF_HUB_CACHE")
    assert proxy.seen("GET .*/resolve/.*safetensors") == []


@needs_mounts
def test_room_in_a_folder_is_checked_before_it_is_filled(repo: str, proxy: Proxy, disk: Path, tmp_path: Path) -> None:
    command = hfver_command("pull", repo, str(disk / "model"), "--hub", proxy.url)
    done = run_hfver([*on_disk(disk, "sh", "-c"), '"$@"; code=$?; ls -A "$0"; exit $code', str(disk), *command])
    check_message(done, disk / "model", "has no room", "4.0 MB needed, 2.1 MB free", "Name a folder".lower())
    assert done.stdout == ""  # neither the folder nor a mark was made


@needs_mounts
@pytest.mark.parametrize("where", ["folder", "cache", "lock"])
def test_a_read_only_disk(where: str, repo: str, proxy: Proxy, disk: Path) -> None:
    cache = {"HF_HUB_CACHE": disk / "hf"} if where == "cache" else {}
    arguments = {
        "folder": ["pull", repo, str(disk / "model")],
        "cache": ["pull", repo],
        "lock": ["lock", repo, "--lock", str(disk / "hfver.lock")],
    }[where]
    command = hfver_command(*arguments, "--hub", proxy.url)
    done = run_hfver(on_disk(disk, *command, options="ro"), **cache)
    check_message(done, disk, "is read-only", code=2 if where == "lock" else 1)


@pytest.mark.parametrize("where", ["folder", "cache"])
def test_a_limit_of_the_size_of_files(where: str, repo: str, proxy: Proxy, tmp_path: Path) -> None:
    if where == "folder":
        hfver.pull(repo, hub=proxy.url, token=TOKEN)
    target = [str(tmp_path / "model")] if where == "folder" else []
    cache = {} if where == "folder" else {"HF_HUB_CACHE": tmp_path / "hf"}
    limited = ["bash", "-c", 'ulimit -f 1000 && exec "$@"', "bash"]  # blocks of 1024 bytes
    done = run_hfver([*limited, *hfver_command("pull", repo, *target, "--hub", proxy.url)], **cache)
    check_message(done, tmp_path, "1.0 MB per file", "4.0 MB", "ulimit -f unlimited")
    assert not (tmp_path / "model").exists()


@needs_mounts
def test_room_in_the_store_is_checked_before_an_upload(disk: Path, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "made", size=SIZE)
    command = hfver_command("release", str(folder), "--repo", "acme/bot", "--hub", str(disk / "hub"), "--smoke", "off")
    done = run_hfver(on_disk(disk, *command))
    check_message(done, disk / "hub", "has no room", "4.0 MB needed", "larger disk")


@needs_mounts
def test_room_is_checked_before_a_conversion(disk: Path, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "made")
    (folder / "model.safetensors").unlink()
    subprocess.run([sys.executable, "-c", PICKLE, str(folder / "pytorch_model.bin")], check=True)
    command = hfver_command("release", str(folder), "--repo", "acme/bot", "--hub", str(tmp_path / "hub"))
    done = run_hfver(on_disk(disk, *command, "--convert", "--smoke", "off"), TMPDIR=disk)
    check_message(done, disk, "has no room", "4.0 MB needed", "TMPDIR")


@contextmanager
def served(command: list[str], environment: Mapping[str, str]) -> Iterator[str]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


@pytest.mark.parametrize("why", [pytest.param("full", marks=needs_mounts), "limited"])
def test_a_hub_without_room_says_so(why: str, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve = hfver_command("hub", "serve", "--root", str(disk / "hub"))
    limited = ["bash", "-c", 'ulimit -f 2000 && exec "$@"', "bash", *serve]
    command = on_disk(disk, *serve, options="size=3m") if why == "full" else limited
    reason = {"full": "disk is full", "limited": "larger than it may write"}[why]
    monkeypatch.setenv("HFVER_HTTP_PAUSE", "0.01")
    with served(command, {"HFVER_HUB_USERS": f"acme:{TOKEN}"}) as url:
        small, large = (write_checkpoint(tmp_path / name, size) for name, size in (("small", 4096), ("large", SIZE)))
        assert hfver.release(small, "acme/bot", hub=url, token=TOKEN, smoke="off").version == "1.0.0"
        with pytest.raises(HubError, match=f"has no room left .*{reason}: {SIZE // 1_000_000}") as caught:
            hfver.release(large, "acme/bot", hub=url, token=TOKEN, smoke="off")
        assert caught.value.exit_code == 4 and "operator" in caught.value.hint
        # A plain client gets the same answer, also where git stores the content.
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        api = HfApi(url, token=TOKEN)
        for path, content in (("big.bin", os.urandom(SIZE)), ("big.txt", os.urandom(SIZE // 2).hex().encode())):
            with pytest.raises(HfHubHTTPError) as refused:
                api.upload_file(path_or_fileobj=content, path_in_repo=path, repo_id="acme/bot")
            assert refused.value.response.status_code == 507
        # What was there is whole, and small releases go on.
        assert [str(one.version) for one in hfver.versions("acme/bot", hub=url, token=TOKEN).releases] == ["1.0.0"]
        assert hfver.audit("acme/bot", hub=url, token=TOKEN, deep=True).clean
        (small / "notes.txt").write_text("small")
        assert hfver.release(small, "acme/bot", hub=url, token=TOKEN, smoke="off").version != "1.0.0"


def test_a_disk_that_fills_up_meanwhile(tmp_path: Path) -> None:
    """As every write to it fails, ``/dev/full`` is the disk that had room when that was checked."""
    place = tmp_path / "model.safetensors"
    with pytest.raises(DiskError) as caught, writing(place, 5_000_000), open("/dev/full", "wb", 0) as full:  # noqa: PTH123
        full.write(b"x")
    free = free_bytes(tmp_path)
    assert free
    assert caught.value.message.startswith(f"{place} cannot be written: the disk is full (5.0 MB needed, ")
    assert "Free some space" in caught.value.hint


def test_errors_that_nobody_expected(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", '"$@" > /dev/full', "bash", *hfver_command("versions", "acme/bot", "--hub", str(tmp_path))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "report it" not in done.stderr
    said = explain(PermissionError(13, "Permission denied", str(tmp_path)))
    assert said is not None and str(tmp_path) in said.message
    assert explain(ConnectionResetError(104, "reset")) is None
    assert disk_error(FileNotFoundError(2, "No such file", "x")) is None


def test_room_is_measured_where_a_folder_will_be(tmp_path: Path) -> None:
    there = free_bytes(tmp_path / "not" / "there" / "yet")
    assert there is not None and abs(there - (free_bytes(tmp_path) or 0)) < 2**30
    check_space(tmp_path / "new", 1000)
    with pytest.raises(DiskError, match="has no room for files: 1000.0 TB needed"):
        check_space(tmp_path / "new", 10**15)
