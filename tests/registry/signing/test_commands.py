"""The commands that sign and verify, as the document shows them, and their JSON output."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hfver.api.hubs import LocalHub
from hfver.cli import main
from tests.registry.signing.conftest import REPO, MakeFolder, MakePair

DOCUMENT = Path(__file__).parents[3] / "docs" / "signing.md"


def run_json(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any]:
    code = main([*map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_documents_commands_run(
    local_hub: LocalHub, folder: MakeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    (work / "out").mkdir(parents=True)
    folder().rename(work / "out" / "checkpoint")
    monkeypatch.chdir(work)
    (block,) = re.findall(r"```bash\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    lines = [shlex.split(line) for line in block.splitlines()]
    for words in lines:
        if words[0] == "openssl":
            subprocess.run(words, check=True, capture_output=True)
        if words[0] == "hfver":
            options = ["--smoke", "off"] if words[1] == "release" else []
            assert main([*words[1:], "--hub", str(local_hub.path), *options]) == 0, words
    assert {words[1] for words in lines if words[0] == "hfver"} == {"release", "verify", "pull"}


def test_json_output_of_signing_and_verifying(
    local_hub: LocalHub, folder: MakeFolder, make_pair: MakePair, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, other, hub = make_pair("mine"), make_pair("other"), ("--hub", local_hub.path)
    made = ("release", folder(), "--repo", REPO, "--smoke", "off", *hub)
    code, refused = run_json(capsys, *made, "--sign", "key:nowhere.pem")
    assert (code, refused["error"]["type"]) == (2, "BadConfig")
    refused = run_json(capsys, *made, "--sign", "key.pem")[1]
    assert "'key.pem'" in refused["error"]["message"]
    assert "--sign key:key.pem" in refused["error"]["hint"]
    assert run_json(capsys, *made, "--sign", mine.sign)[0] == 0
    code, verified = run_json(capsys, "verify", REPO, *hub, "--public-key", mine.public)
    assert (code, verified["signed_by"]) == (0, f"key {mine.public}")
    code, refused = run_json(capsys, "verify", REPO, *hub, "--public-key", other.public)
    assert (code, refused["error"]["type"]) == (3, "SignatureInvalid")
    assert refused["error"]["hint"]
