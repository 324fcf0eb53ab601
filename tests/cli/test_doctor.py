"""``hfver doctor``: what is broken has a hint, and everything else leaves the exit code alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.api.machine import read_machine
from hfver.cli import main
from hfver.core.diagnosis import Diagnosis, Reading
from hfver.core.ledger import Ledger
from hfver.core.manifest import LEDGER
from hfver.errors import BadRef
from tests.api.conftest import REPO, write_folder

MACHINE = ["system", "libraries", "extras", "git", "git-lfs", "gpu", "proxy", "hfver's cache", "Hugging Face cache"]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return path


@pytest.fixture
def users_hub(tmp_path: Path, local_hub: LocalHub) -> LocalHub:
    """A second Hub, whose users each own their namespace."""
    return LocalHub(tmp_path / "users-hub", users={"acme": "token-of-acme", "eve": "token-of-eve"})


def readings(found: Diagnosis) -> dict[str, Reading]:
    return {reading.name: reading for reading in found.readings}


def test_a_healthy_machine(local_hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hfver.release(write_folder(tmp_path / "folder"), REPO, hub=local_hub, smoke="off")
    code = main(["doctor", REPO, "--hub", str(local_hub.path), "--json"])
    data = json.loads(capsys.readouterr().out)
    assert (code, data["healthy"], data["repo"]) == (0, True, REPO)
    assert [check["name"] for check in data["checks"]] == [
        *MACHINE, "settings", "endpoint", "token", "read", "write", "state",
    ]  # fmt: skip
    assert all(set(check) == {"name", "status", "detail", "hint"} for check in data["checks"])
    found = {check["name"]: check for check in data["checks"]}
    assert hfver.__version__ in found["system"]["detail"]
    assert "huggingface_hub 2." in found["libraries"]["detail"] or "huggingface_hub 1." in found["libraries"]["detail"]
    assert found["state"]["detail"] == "1 release, the newest is 1.0.0"
    assert local_hub.token not in json.dumps(data)
    assert main(["doctor", "--hub", str(local_hub.path)]) == 0
    out, err = capsys.readouterr()
    assert "✓ token" in out
    assert "Nothing is broken" in err


def test_rights_are_those_of_the_token(users_hub: LocalHub, tmp_path: Path) -> None:
    with users_hub as hub:
        hfver.release(write_folder(tmp_path / "folder"), REPO, hub=hub.url, token="token-of-acme", smoke="off")
        HfApi(hub.url, token="token-of-acme").update_repo_settings(REPO, private=False)
        mine = readings(hfver.doctor(REPO, hub=hub.url, token="token-of-acme"))
        assert mine["token"].detail == "given by the caller: acme, may write"
        assert mine["write"].status == "ok"
        theirs = hfver.doctor(REPO, hub=hub.url, token="token-of-eve")
        assert readings(theirs)["read"].status == "ok"
        assert readings(theirs)["write"].status == "warning"
        assert "HF_TOKEN" in readings(theirs)["write"].hint
        assert theirs.healthy
        nobody = readings(hfver.doctor(REPO, hub=hub.url))
        assert nobody["token"].status == "warning"
        assert "public repos can be read" in nobody["token"].detail
        assert nobody["write"].status == "warning"
        wrong = readings(hfver.doctor(hub=hub.url, token="hf_wrong_token"))
        assert wrong["token"].status == "warning"
        assert "hf auth login" in wrong["token"].hint
        assert "hf_wrong_token" not in repr(wrong)


def test_the_state_of_a_repo(local_hub: LocalHub, tmp_path: Path) -> None:
    missing = hfver.doctor("acme/none", hub=local_hub)
    assert readings(missing)["read"].status == "warning"
    assert missing.healthy
    api = HfApi(local_hub.url, token=local_hub.token)
    api.create_repo(REPO)
    empty = readings(hfver.doctor(REPO, hub=local_hub))["state"]
    assert (empty.detail, empty.hint) == ("0 releases", f"Publish one: hfver release DIR --repo {REPO}")
    hfver.release(write_folder(tmp_path / "folder"), REPO, hub=local_hub, smoke="off")
    api.create_tag(REPO, tag="v9.0.0")
    pending = readings(hfver.doctor(REPO, hub=local_hub))["state"]
    assert (pending.status, pending.detail.partition("; ")[2]) == ("warning", "pending tags: v9.0.0")
    api.delete_tag(REPO, tag="v9.0.0")
    ledger = Ledger.decode(Path(api.hf_hub_download(REPO, LEDGER)).read_bytes(), REPO)
    broken = ledger.raw.replace(b'"event":"release"', b'"event":"nothing"')
    api.upload_file(path_or_fileobj=broken, path_in_repo=LEDGER, repo_id=REPO)
    tampered = hfver.doctor(REPO, hub=local_hub)
    assert readings(tampered)["state"].status == "broken"
    assert readings(tampered)["state"].hint
    assert not tampered.healthy


def test_a_hub_that_does_not_answer_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", REPO, "--hub", "http://127.0.0.1:9", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    checks = {check["name"]: check for check in data["checks"]}
    assert checks["endpoint"]["status"] == "broken"
    assert "Check the address" in checks["endpoint"]["hint"]
    assert "read" not in checks


def test_broken_settings_are_one_reading_and_end_nothing(
    local_hub: LocalHub, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "hfver.toml").write_text("[htp]\nretries = 1\n")
    assert main(["doctor", "--hub", str(local_hub.path)]) == 1
    out, err = capsys.readouterr()
    assert "did you mean http?" in " ".join(out.split())
    assert "Broken: settings" in err


def test_proxies_are_shown_without_their_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example.com:3128")
    found = {reading.name: reading.detail for reading in read_machine()}
    assert found["proxy"] == "https_proxy=http://***@proxy.example.com:3128"


def test_a_machine_without_programs_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = {reading.name: reading for reading in read_machine()}
    assert (found["git"].status, "git-lfs" in found) == ("warning", False)
    assert "https://git-scm.com" in found["git"].hint


def test_caches_that_others_can_write_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache = tmp_path / "memory"
    cache.mkdir()
    (cache / "entry").write_bytes(b"x" * 1234)
    monkeypatch.setenv("HFVER_CACHE", str(cache))
    found = {reading.name: reading for reading in read_machine()}["hfver's cache"]
    assert found.detail.startswith(f"{cache}: 1.2 kB, ")
    assert found.status == "ok"
    cache.chmod(0o777)
    found = {reading.name: reading for reading in read_machine()}["hfver's cache"]
    assert (found.status, found.hint.startswith("Run: chmod o-w")) == ("warning", True)


def test_nothing_is_written(local_hub: LocalHub, tmp_path: Path) -> None:
    def look() -> list[Any]:
        return sorted((path, path.stat().st_mtime_ns) for path in (local_hub.path / "repos").rglob("*"))

    hfver.release(write_folder(tmp_path / "folder"), REPO, hub=local_hub, smoke="off")
    before = look()
    hfver.doctor(REPO, hub=local_hub)
    assert look() == before


def test_a_wrong_name_is_a_mistake(local_hub: LocalHub) -> None:
    with pytest.raises(BadRef):
        hfver.doctor("nonsense", hub=local_hub)
    assert "HF_TOKEN" not in os.environ
