"""A token appears nowhere else: not in logs, errors, receipts, repos or the list of processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hfver.cli import main
from tests.hostile.checkpoints import REPO, model

TOKEN = "hf" + "_" + "TokenOfTheReleaseThatNobodyMaySee1"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """A Hub in a separate process, with its user in a file."""
    users = tmp_path / "users.txt"
    users.write_text(f"# name and token\nacme:{TOKEN}\n")
    users.chmod(0o600)
    serve = [sys.executable, "-m", "hfver", "hub", "serve", "--root", str(tmp_path / "hub"), "--users", str(users)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()
    users.unlink()


def command_lines() -> str:
    """Return the command lines of all processes, which every user of the machine can read."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().decode("utf-8", "replace"))
        except OSError:
            continue
    return "\n".join(found)


def run(home: Path, *arguments: str) -> tuple[int, str]:
    """Run a command as a process, and check the list of processes while it runs."""
    places = {"HF_HOME": str(home / "hf"), "HFVER_CACHE": str(home / "hfver"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment = {**os.environ, **places, "HF_TOKEN": TOKEN, "HFVER_DEBUG": "1", "HF_DEBUG": "1"}
    command = [sys.executable, "-m", "hfver", *arguments]
    log = home / "output"
    with log.open("wb") as output, subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process:
        while process.poll() is None:
            assert TOKEN not in command_lines()
            time.sleep(0.1)
    return process.returncode, log.read_text()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads /proc")
def test_a_token_is_not_leaked(served: str, tmp_path: Path) -> None:
    folder, home = model(tmp_path / "model"), tmp_path / "home"
    home.mkdir()
    release = ["release", str(folder), "--repo", REPO, "--hub", served, "--smoke", "off", "-m", "the first"]
    outcomes = [
        run(home, *release, "--json"),
        run(home, "pull", REPO, str(tmp_path / "pulled"), "--hub", served),
        run(home, "release", str(folder), "--repo", "others/bot", "--hub", served, "--smoke", "off"),
        run(home, "pull", "acme/nothing", "--hub", served, "--json"),
    ]
    assert [code == 0 for code, _ in outcomes] == [True, True, False, False]
    assert not [output for _, output in outcomes if TOKEN in output]
    places = [home, tmp_path / "hub", tmp_path / "pulled", folder]
    leaks = [path for place in places for path in place.rglob("*") if path.is_file() and _holds(path)]
    assert leaks == []


def _holds(path: Path) -> bool:
    return TOKEN.encode() in path.read_bytes()


def test_the_users_file_must_be_private(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    users = tmp_path / "users.txt"
    users.write_text(f"acme:{TOKEN}\n")
    users.chmod(0o644)
    serve = ["hub", "serve", "--root", str(tmp_path / "hub"), "--users"]
    assert main([*serve, str(users)]) == 2
    assert "chmod 600" in capsys.readouterr().err
    assert main([*serve, str(tmp_path / "none")]) == 2
    users.chmod(0o600)
    users.write_text("acme\n")
    assert main([*serve, str(users)]) == 2
    assert TOKEN not in capsys.readouterr().err
