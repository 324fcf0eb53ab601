"""``-v`` and ``-vv``: requests, retries and times on stderr, and no token anywhere."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.core.log import logger
from tests.api.conftest import REPO, write_folder
from tests.faults.proxy import Proxy, answer

TOKEN = "a-token-of-no-known-form"


def test_requests_and_times_are_shown(local_hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hfver.release(write_folder(tmp_path / "folder"), REPO, hub=local_hub, smoke="off")
    for place in (["-v", "versions", REPO], ["versions", "-v", REPO], ["versions", REPO, "--verbose"]):
        assert main([*place, "--hub", str(local_hub.path), "--json"]) == 0
        told = capsys.readouterr()
        line = rf"^ +\d+\.\d{{3}} s  GET http://127\.0\.0\.1:\d+/api/models/{REPO}/refs\?\*\*\*: 200 in \d+\.\d{{3}} s$"
        assert re.search(line, told.err, re.MULTILINE), told.err
        assert told.out.startswith("{")
        assert "x-request-id" not in told.err
    assert main(["versions", "-vv", REPO, "--hub", str(local_hub.path)]) == 0
    assert "content-length: " in (shown := capsys.readouterr().err)
    assert "RetryPolicy(retries=5" in shown
    assert main(["versions", REPO, "--hub", str(local_hub.path)]) == 0
    assert capsys.readouterr().err == ""


def test_git_is_shown_too(local_hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hfver.release(write_folder(tmp_path / "folder"), REPO, hub=local_hub, smoke="off")
    assert main(["audit", "-v", REPO, "--hub", str(local_hub.path)]) == 0
    assert re.search(r" s  git fetch in \d+\.\d{3} s$", capsys.readouterr().err, re.MULTILINE)


def test_retries_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HFVER_HTTP_PAUSE", "0.01")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with LocalHub(tmp_path / "hub", users={"acme": TOKEN}) as hub:
        hfver.release(write_folder(tmp_path / "folder"), REPO, hub=hub.url, token=TOKEN, smoke="off")
        with Proxy(hub.url) as proxy:
            proxy.on(r"GET .*/refs", answer(503))
            assert main(["versions", REPO, "--hub", proxy.url, "-v"]) == 0
    told = capsys.readouterr().err
    assert re.search(r"GET \S+/refs\?\*\*\*: 503 in ", told)
    assert re.search(r"Trying again in 0\.\d\d s \(retry 1 of 5\): ", told)
    assert re.search(r"GET \S+/refs\?\*\*\*: 200 in ", told)


def test_no_token_ever_appears(tmp_path: Path) -> None:
    """A whole life of a repo with -vv, in processes of their own, and with huggingface_hub's own logging off."""
    with LocalHub(tmp_path / "hub", users={"acme": TOKEN}) as hub:
        environment = {"HF_TOKEN": TOKEN, "HFVER_CACHE": str(tmp_path / "cache"), "HF_HOME": str(tmp_path / "hf")}
        folder = str(write_folder(tmp_path / "folder"))
        commands = [
            ["release", folder, "--repo", REPO, "--smoke", "off"],
            ["pull", REPO, str(tmp_path / "pulled")],
            ["audit", REPO],
            ["yank", f"{REPO}@1.0.0", "--reason", "x"],
            ["doctor", REPO],
            ["pull", "acme/missing"],
            ["release", folder, "--repo", "eve/bot", "--smoke", "off"],
        ]
        said = ""
        for command in commands:
            line = [sys.executable, "-m", "hfver", *command, "--hub", hub.url, "-vv"]
            done = subprocess.run(line, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
            assert "s  " in done.stderr, command
            said += done.stdout + done.stderr
    assert "POST " in said
    assert "PUT " in said
    assert TOKEN not in said
    assert "authorization" not in said.lower()
    signed = re.findall(r"(?:sig|signature|expires|token)=[^&\s]+", said, re.IGNORECASE)
    assert signed == []


def test_only_our_own_requests_are_logged(local_hub: LocalHub, caplog: pytest.LogCaptureFixture) -> None:
    from huggingface_hub import HfApi

    with caplog.at_level(logging.INFO, "hfver"):
        hfver.doctor(hub=local_hub)
        ours = len(caplog.records)
        assert ours
        HfApi(local_hub.url, token=local_hub.token).whoami()
        assert len(caplog.records) == ours


def test_a_command_leaves_the_logger_as_it_was(local_hub: LocalHub) -> None:
    before = (logger.level, list(logger.handlers))
    main(["versions", REPO, "--hub", str(local_hub.path), "-vv"])
    assert (logger.level, list(logger.handlers)) == before
