"""Pulling and verifying: files arrive complete and as released, or the command fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

import hfver
from hfver.api.hubs import LocalHub, open_hub
from hfver.core.manifest import MANIFEST
from hfver.errors import DigestMismatch, FileMissing, FileUnexpected, UsageError, VerificationError
from hfver.loading.base import fetch_base
from hfver.loading.pull import MARK
from hfver.model.lineage.record import BaseModelLink
from tests.conftest import MakeCheckpoint

REPO = "acme/bot"


@pytest.fixture
def hub(local_hub: LocalHub, checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHub:
    """A Hub with 1.0.0 and 1.1.0, and an empty Hugging Face cache."""
    first = checkpoint(1)
    (first / "only-in-1.0.0.txt").write_text("x")
    hfver.release(first, REPO, hub=local_hub, smoke="off")
    hfver.release(checkpoint(2), REPO, hub=local_hub, smoke="off", version="1.1.0", because="a file less")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf-cache"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path / "hf-cache"))
    return local_hub


def digest(folder: Path) -> str:
    from hfver.core.manifest import digest_of

    return digest_of((folder / MANIFEST).read_bytes())


def test_a_pull_fills_the_ordinary_cache(hub: LocalHub) -> None:
    from huggingface_hub import try_to_load_from_cache

    pulled = hfver.pull(f"{REPO}@1.0.0", hub=hub)
    found = try_to_load_from_cache(REPO, "model.safetensors", revision=pulled.release.commit)
    assert found == str(pulled.path / "model.safetensors")
    assert pulled.verified == len(pulled.release.files)


def test_a_pull_fills_a_folder_and_replaces_an_older_release(hub: LocalHub, tmp_path: Path) -> None:
    target = tmp_path / "model"
    first = hfver.pull(f"{REPO}@1.0.0", target, hub=hub)
    assert digest(target) == first.release.digest
    second = hfver.pull(f"{REPO}@^1", target, hub=hub)
    assert digest(target) == second.release.digest
    assert not (target / "only-in-1.0.0.txt").exists()
    assert not (target / MARK).exists()
    assert not any(path.is_symlink() for path in target.rglob("*"))
    assert hfver.verify(str(target), hub=hub).evidence == "ledger"
    assert hfver.verify(str(target), offline=True).evidence == "manifest"


def test_a_folder_with_other_files_is_refused(hub: LocalHub, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    (target / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="not empty"):
        hfver.pull(REPO, target, hub=hub)
    assert [path.name for path in target.iterdir()] == ["thesis.tex"]


def test_an_interrupted_pull_is_not_a_release(hub: LocalHub, tmp_path: Path) -> None:
    target = tmp_path / "model"
    hfver.pull(f"{REPO}@1.0.0", target, hub=hub)
    (target / MANIFEST).unlink()
    (target / MARK).write_text(json.dumps({"repo": REPO, "files": ["only-in-1.0.0.txt"]}))
    (target / "model.safetensors").write_bytes(b"half")
    with pytest.raises(VerificationError, match="is incomplete: a pull was interrupted"):
        hfver.verify(str(target), offline=True)
    hfver.pull(f"{REPO}@1.1.0", target, hub=hub)
    assert hfver.verify(str(target), hub=hub).version == "1.1.0"
    assert not (target / "only-in-1.0.0.txt").exists()


@pytest.mark.parametrize("path", ["../escape", "/etc/passwd", "a/../../b"])
def test_a_forged_mark_deletes_nothing_outside(hub: LocalHub, tmp_path: Path, path: str) -> None:
    target = tmp_path / "model"
    (target / MARK).parent.mkdir(parents=True)
    (target / MARK).write_text(json.dumps({"repo": REPO, "files": [path]}))
    (tmp_path / "escape").write_text("keep")
    with pytest.raises(UsageError):
        hfver.pull(REPO, target, hub=hub)
    assert (tmp_path / "escape").read_text() == "keep"


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def test_verify_detects_one_flipped_bit(hub: LocalHub, tmp_path: Path) -> None:
    target = tmp_path / "model"
    hfver.pull(REPO, target, hub=hub)
    spoil(target / "model.safetensors")
    with pytest.raises(DigestMismatch, match="model.safetensors"):
        hfver.verify(str(target), hub=hub)


def test_verify_detects_missing_added_and_forged_files(hub: LocalHub, tmp_path: Path) -> None:
    target = tmp_path / "model"
    hfver.pull(REPO, target, hub=hub)
    (target / "evil.py").write_text("import os")
    with pytest.raises(FileUnexpected, match="evil.py"):
        hfver.verify(str(target), hub=hub)
    (target / "evil.py").unlink()
    (target / "config.json").unlink()
    with pytest.raises(FileMissing, match="config.json"):
        hfver.verify(str(target), hub=hub)
    (target / MANIFEST).write_bytes((target / MANIFEST).read_bytes() + b" ")
    with pytest.raises(DigestMismatch, match="manifest"):
        hfver.verify(str(target), hub=hub)


def test_a_file_damaged_in_the_cache_is_downloaded_again(hub: LocalHub, requests: list[str]) -> None:
    pulled = hfver.pull(REPO, hub=hub)
    spoil((pulled.path / "config.json").resolve())
    again = hfver.pull(REPO, hub=hub)
    assert json.loads((again.path / "config.json").read_text())["model_type"] == "llama"


def test_a_second_pull_sends_one_request_and_opens_no_file(hub: LocalHub, requests: list[str]) -> None:
    pulled = hfver.pull(REPO, hub=hub)
    opened: list[str] = []
    listening = True

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        if listening and event == "open" and "hf-cache" in str(arguments[0]):
            opened.append(str(arguments[0]))

    sys.addaudithook(listen)
    requests.clear()
    hfver.pull(f"{REPO}@^1", hub=hub)
    assert requests == [f"GET /api/models/{REPO}/refs"]
    requests.clear()
    hfver.pull(f"{REPO}@{pulled.release.commit}", hub=hub)
    assert requests == []
    hfver.verify(f"{REPO}@^1", hub=hub)
    assert opened == []
    hfver.verify(f"{REPO}@^1", hub=hub, force=True)
    assert {name.rpartition("/")[2] for name in opened} >= {"config.json", "model.safetensors"}
    opened.clear()
    spoil((pulled.path / "config.json").resolve())
    hfver.pull(f"{REPO}@{pulled.release.commit}", hub=hub)
    assert opened
    listening = False


def test_a_commit_that_hfver_did_not_make(hub: LocalHub) -> None:
    client = HfApi(endpoint=hub.url, token=hub.token)
    client.create_repo("acme/raw")
    made = client.upload_file(
        path_or_fileobj=b"{}", path_in_repo="config.json", repo_id="acme/raw", commit_message="by hand"
    )
    pulled = hfver.pull(f"acme/raw@{made.oid}", hub=hub)
    assert (pulled.path / "config.json").read_bytes() == b"{}"
    assert pulled.release.version is None
    spoil((pulled.path / "config.json").resolve())
    again = hfver.pull(f"acme/raw@{made.oid}", hub=hub)
    assert (again.path / "config.json").read_bytes() == b"{}"


def test_the_files_of_a_base_do_not_count_as_its_whole_commit(hub: LocalHub) -> None:
    client = HfApi(endpoint=hub.url, token=hub.token)
    client.create_repo("acme/raw")
    files = [CommitOperationAdd("config.json", b"{}"), CommitOperationAdd("notes.md", b"read me")]
    made = client.create_commit("acme/raw", files, commit_message="by hand")
    with open_hub(hub) as opened:
        fetch_base(opened, BaseModelLink(name="raw", source="acme/raw", revision=made.oid), "a test")
    assert (hfver.pull(f"acme/raw@{made.oid}", hub=hub).path / "notes.md").read_bytes() == b"read me"


def test_other_files_in_a_pulled_folder_stay_with_a_warning(hub: LocalHub, tmp_path: Path) -> None:
    folder = hfver.pull(f"{REPO}@1.0.0", tmp_path / "model", hub=hub).path
    (folder / "notes.txt").write_text("mine")
    with pytest.warns(UserWarning, match="notes.txt is not listed in the manifest"):
        hfver.pull(f"{REPO}@1.1.0", folder, hub=hub)
    assert (folder / "notes.txt").read_text() == "mine"
