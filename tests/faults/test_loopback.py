"""A Hub on this machine is reached whatever proxy is set; a Hub's folder also works without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hfver.api.hubs import LocalHub
from tests.faults.conftest import TOKEN, write_checkpoint

DEAD = "http://127.0.0.1:9"
PROXIES = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"), DEAD)


def hfver(*arguments: str | Path, cache: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return run("-m", "hfver", *arguments, cache=cache, **environment)


def run(*arguments: str | Path, cache: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "HFVER_CACHE": str(cache), "HF_HOME": str(cache / "hf"), "HFVER_HTTP_RETRIES": "0"}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, env=settings | environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "environment", [PROXIES | {"no_proxy": "example.org"}, PROXIES | {"HF_HUB_OFFLINE": "1"}], ids=["proxy", "offline"]
)
def test_a_folder_works_behind_a_dead_proxy_and_offline(environment: dict[str, str], tmp_path: Path) -> None:
    made, hub = write_checkpoint(tmp_path / "made", size=2_000_000), tmp_path / "hub"
    common: list[str | Path] = ["--hub", hub]
    done = hfver("release", made, "--repo", "me/bot", "--smoke", "off", *common, cache=tmp_path / "c1", **environment)
    assert done.returncode == 0, done.stderr
    pulled = hfver("pull", "me/bot", tmp_path / "out", *common, cache=tmp_path / "c2", **environment)
    assert pulled.returncode == 0, pulled.stderr
    assert (tmp_path / "out/model.safetensors").read_bytes() == (made / "model.safetensors").read_bytes()


def test_a_loopback_address_bypasses_the_proxy(busy_hub: LocalHub, tmp_path: Path) -> None:
    made = write_checkpoint(tmp_path / "made")
    common = ["--hub", busy_hub.url]
    environment = {**PROXIES, "HF_TOKEN": TOKEN}
    done = hfver("release", made, "--repo", "acme/direct", "--smoke", "off", *common, cache=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert hfver("pull", "acme/direct", *common, cache=tmp_path, **environment).returncode == 0


def test_a_loopback_address_respects_offline_mode(busy_hub: LocalHub, tmp_path: Path) -> None:
    ran = hfver("versions", "acme/direct", "--hub", busy_hub.url, cache=tmp_path, HF_HUB_OFFLINE="1")
    assert ran.returncode == 4
    assert "HF_HUB_OFFLINE" in ran.stderr and "Traceback" not in ran.stderr


def test_other_addresses_use_the_proxy(tmp_path: Path) -> None:
    ran = hfver("versions", "acme/direct", "--hub", "http://hub.invalid", cache=tmp_path, **PROXIES)
    assert ran.returncode == 4
    assert "Connection refused" in ran.stderr and "Traceback" not in ran.stderr


OTHER_CLIENT = """
import os, sys
from huggingface_hub import HfApi, get_session
from hfver.api.hubs import LocalHub
before = dict(os.environ)
earlier = get_session()
with LocalHub(sys.argv[1]) as hub:
    api = HfApi(endpoint=hub.url, token=hub.token)
    api.create_repo("me/theirs")
    print(api.model_info("me/theirs").id)
assert dict(os.environ) == before
try:
    api.model_info("me/theirs")
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize("environment", [PROXIES, {"HF_HUB_OFFLINE": "1"}, PROXIES | {"HF_HUB_OFFLINE": "1"}])
def test_other_clients_in_the_hubs_process_reach_it(environment: dict[str, str], tmp_path: Path) -> None:
    ran = run("-c", OTHER_CLIENT, tmp_path / "hub", cache=tmp_path, **environment)
    assert ran.returncode == 0, ran.stderr
    error = "OfflineModeIsEnabled" if "HF_HUB_OFFLINE" in environment else "ConnectError"
    assert ran.stdout.split() == ["me/theirs", error]
