"""A release with a secret is refused: the secret is named but never shown, and nothing is written."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.core.progress import silent
from hfver.errors import SecretFound
from hfver.model.checkpoint.file_pass import ByteCounter, ReadTask, read_files
from hfver.model.checkpoint.untrusted_files import stat_regular
from hfver.model.secrets import find_secrets, policy_entry, refuse_secrets
from tests.conftest import MakeCheckpoint

# Put together at run time, so that no scanner reports this file.
LETTERS = "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789" * 3
SECRETS = {
    "Hugging Face Token": "hf" + "_" + LETTERS[:34],
    "GitHub Token": "ghp" + "_" + LETTERS[:36],
    "GitHub Fine-Grained Token": "github" + "_pat_" + LETTERS[:22] + "_" + LETTERS[:59],
    "AWS Access Key": "AKIA" + "Z7YQ6WXV5UTS4RPO",
    "OpenAI Token": "sk-" + "proj-" + LETTERS[:20] + "T3BlbkFJ" + LETTERS[:20],
    "Private Key": "-----BEGIN " + "RSA PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA0Z3VS5JJ",
    "GitLab Token": "glpat" + "-" + LETTERS[:20],
    "Slack Token": "xoxb" + "-1234567890-1234567890-" + "abcdefghij0123456789",
    "Stripe Access Key": "sk" + "_live_" + LETTERS[:24],
    "SendGrid API Key": "SG" + "." + LETTERS[:22] + "." + LETTERS[:43],
    "PyPI Token": "pypi" + "-AgEIcHlwaS5vcmc" + LETTERS[:72],
    "NPM tokens": "//registry.npmjs.org/:_authToken=" + "npm" + "_" + LETTERS[:36],
    "Azure Storage Account access key": "AccountKey=" + LETTERS[:86] + "==",
}
TOKEN = SECRETS["Hugging Face Token"]


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("written", ["plain", "json", "utf-16", "one long line"])
def test_each_kind_is_found_in_every_kind_of_text(kind: str, written: str) -> None:
    secret = SECRETS[kind]
    texts = {
        "plain": f"a\nb\nx = '{secret}'\n".encode(),
        "json": json.dumps({"a": 1, "b": [secret]}, indent=1).encode(),
        "utf-16": f"\n\n{secret}\n".encode("utf-16"),
        "one long line": json.dumps({"a": "x " * 600_000, "b": secret}).encode(),
    }
    found = find_secrets(texts[written])
    assert kind in {one.kind for one in found}
    assert {one.line for one in found} == {{"plain": 3, "json": 4, "utf-16": 3, "one long line": 1}[written]}
    assert not any(secret in repr(one) for one in found)


@pytest.mark.parametrize("before", [4090, 4096 - 10, 1024 * 1024 - 5, 1024 * 1024 + 1024 - 5, 3 * 1024 * 1024])
def test_a_secret_across_the_edge_of_a_block_is_found_once(before: int) -> None:
    (found,) = find_secrets(b"\n" * before + TOKEN.encode() + b" " * 2_000_000)
    assert found.line == before + 1
    assert found.fingerprint == find_secrets(TOKEN.encode())[0].fingerprint


@pytest.mark.parametrize(
    "harmless",
    [
        b"hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        b"hf_token = os.environ['HF_TOKEN']",
        b'"hf_hub_download_with_a_rather_long_name_of_a_function": 1',
        b"sk-learn AKIA ghp_ github_pat_ PRIVATE KEY",
        b"",
        b"\x00" + TOKEN.encode(),
    ],
)
def test_harmless_text_is_not_reported(harmless: bytes) -> None:
    assert find_secrets(harmless) == ()


def test_the_header_of_weights_is_read_and_their_bytes_are_not(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    def found(name: str) -> list[str]:
        path = tmp_path / name
        task = ReadTask(path, stat_regular(path), tensors=True, scan=True)
        facts = read_files({name: task}, ByteCounter(silent, "hashing", 0))[name].whole
        return [match.kind for match in facts.secrets or ()]

    weights = {"a": torch.frombuffer(bytearray(TOKEN.encode().ljust(64)), dtype=torch.uint8)}
    save_file(weights, tmp_path / "plain.safetensors", metadata={"format": "pt"})
    assert found("plain.safetensors") == []
    save_file(weights, tmp_path / "noted.safetensors", metadata={"run": f"login --token {TOKEN}"})
    assert found("noted.safetensors") == ["Hugging Face Token"]


def test_a_large_tokenizer_is_scanned_in_seconds() -> None:
    vocabulary = {f"{LETTERS[n % 40 : n % 40 + n % 12]}{n:x}": n for n in range(600_000)}
    text = json.dumps({"model": {"vocab": vocabulary}}).encode()
    assert len(text) > 10_000_000
    began = time.process_time()
    assert find_secrets(text) == ()
    assert time.process_time() - began < 10


def test_a_text_that_makes_a_pattern_backtrack_is_scanned_in_seconds() -> None:
    began = time.process_time()
    assert find_secrets(b"sk-" * 20_000) == ()
    assert time.process_time() - began < 20


def test_an_entry_in_the_policy_allows_exactly_one_secret() -> None:
    held = find_secrets(f"{SECRETS['Private Key']} one {SECRETS['AWS Access Key']}".encode())
    other = find_secrets(f"{SECRETS['Private Key']} two".encode())
    allowed = [policy_entry("notes.md", match) for match in held]
    refuse_secrets({"notes.md": held}, allowed)
    for found in ({"notes.md": other}, {"other.md": held}):
        with pytest.raises(SecretFound):
            refuse_secrets(found, allowed)


def put_in_config(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "hub_token": TOKEN}, indent=2))


def put_in_readme(folder: Path) -> None:
    (folder / "README.md").write_text(f"# Bot\n\nRun `huggingface-cli login --token {TOKEN}`\n")


def put_in_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt", "note": TOKEN})


@pytest.mark.parametrize(
    ("put", "where"),
    [(put_in_config, "config.json"), (put_in_readme, "README.md"), (put_in_weights, "model.safetensors")],
)
@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_release_with_a_secret_writes_nothing(
    local_hub: LocalHub,
    checkpoint: MakeCheckpoint,
    capsys: pytest.CaptureFixture[str],
    requests: list[str],
    put: Any,
    where: str,
    options: list[str],
) -> None:
    folder = checkpoint()
    put(folder)
    arguments = ["release", str(folder), "--repo", "acme/bot", "--hub", str(local_hub.path), "--smoke", "off"]
    assert main([*arguments, *options, "--json"]) == 1
    output = capsys.readouterr()
    error = json.loads(output.out)["error"]
    assert error["type"] == "SecretFound"
    assert f"{where}, line " in error["message"]
    assert "Hugging Face Token" in error["message"]
    assert f'allow = ["{where}:' in error["hint"]
    assert TOKEN not in output.out + output.err
    assert not requests


def test_a_secret_in_the_message_is_refused_before_the_repo_is_created(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, requests: list[str]
) -> None:
    with pytest.raises(SecretFound) as caught:
        hfver.release(checkpoint(), "acme/bot", hub=local_hub, smoke="off", message=f"with {TOKEN}")
    assert TOKEN not in str(caught.value)
    assert not [request for request in requests if not request.startswith("GET")]


def test_the_entry_in_the_hint_allows_the_secret(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = checkpoint()
    put_in_readme(folder)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SecretFound) as caught:
        hfver.release(folder, "acme/bot", hub=local_hub, smoke="off")
    (tmp_path / "hfver.toml").write_text(caught.value.hint.partition("\n")[2])
    assert hfver.release(folder, "acme/bot", hub=local_hub, smoke="off").version == "1.0.0"


def test_a_scan_leaves_the_warnings_of_the_process_as_they_were() -> None:
    # A child process, because the redirection happens once, when detect-secrets is imported.
    program = (
        "import warnings; from hfver.model.secrets import scan_texts\n"
        "scan_texts({'a.txt': b'text'}); warnings.warn('still here')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "UserWarning: still here" in done.stderr
