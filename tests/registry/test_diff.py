"""Comparing releases on a Hub: what is described, and that nothing is fetched twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub, open_hub
from hfver.core.ref import parse_ref
from hfver.core.version import Bump
from hfver.errors import BadConfig
from hfver.model.checkpoint import read_checkpoint
from hfver.model.lineage.record import Lineage
from hfver.registry.diff import Described, compare_described, describe_checkpoint, describe_folder, describe_refs
from tests.building import Importer, bare_repo, pointer, store
from tests.conftest import MakeCheckpoint, move_weights

REPO = "acme/bot"
OLD = "acme/old"


@pytest.fixture
def folder(checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint, in a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    return checkpoint()


@pytest.fixture
def hub(local_hub: LocalHub, folder: Path) -> LocalHub:
    """A Hub with releases 1.0.0, 1.1.0 and 2.0.0 of one repo."""
    hfver.release(folder, REPO, hub=local_hub, smoke="off")
    move_weights(folder, 1)
    hfver.release(folder, REPO, hub=local_hub, smoke="off")
    edit(folder / "generation_config.json", eos_token_id=5)
    hfver.release(folder, REPO, hub=local_hub, smoke="off")
    return local_hub


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def forget(tmp_path: Path) -> None:
    """Remove what hfver remembers, so that everything has to be fetched."""
    shutil.rmtree(tmp_path / "hfver-cache")


def stored(folder: Path, hub: LocalHub) -> dict[str, bytes | None]:
    """Return a checkpoint's files as git stores them: the weights are LFS objects."""
    return {
        path.name: pointer(store(hub, path.read_bytes())) if path.suffix == ".safetensors" else path.read_bytes()
        for path in folder.iterdir()
    }


def twice(requests: list[str]) -> set[str]:
    return {request for request in requests if requests.count(request) > 1}


def describe(hub: LocalHub, *refs: str) -> list[Described]:
    with open_hub(hub.url, hub.token) as client:
        return describe_refs(client, [parse_ref(ref) for ref in refs])


class TestRequests:
    """Every URL is fetched at most once."""

    def test_of_two_releases(self, hub: LocalHub, tmp_path: Path, requests: list[str]) -> None:
        forget(tmp_path)
        requests.clear()
        assert hfver.diff(f"{REPO}@1.0.0", f"{REPO}@2.0.0", hub=hub).level == Bump.MAJOR
        assert any(request.endswith("tensors.json") for request in requests)
        assert not twice(requests)

    def test_of_what_was_compared_before(self, hub: LocalHub, tmp_path: Path, requests: list[str]) -> None:
        forget(tmp_path)
        first = hfver.diff(f"{REPO}@1.0.0", f"{REPO}@2.0.0", hub=hub)
        requests.clear()
        assert hfver.diff(f"{REPO}@1.0.0", f"{REPO}@2.0.0", hub=hub) == first
        assert not [request for request in requests if "/resolve/" in request]
        # What is kept is named by its hash, and hashed whenever it is read.
        for path in (tmp_path / "hfver-cache" / "files").glob("*/*"):
            path.write_bytes(b"{}")
        assert hfver.diff(f"{REPO}@1.0.0", f"{REPO}@2.0.0", hub=hub) == first
        assert any(request.endswith("tensors.json") for request in requests)

    def test_of_a_release_and_itself(self, hub: LocalHub, tmp_path: Path, requests: list[str]) -> None:
        forget(tmp_path)
        requests.clear()
        assert hfver.diff(f"{REPO}@2.0.0", REPO, hub=hub).level is None
        assert len([request for request in requests if request.endswith("config.json")]) == 3
        assert not twice(requests)

    def test_of_two_commits_that_were_verified_before(self, hub: LocalHub, requests: list[str]) -> None:
        commits = [f"{REPO}@{release.commit}" for release in hfver.versions(REPO, hub=hub).releases]
        requests.clear()
        assert hfver.diff(commits[-1], commits[0], hub=hub).level == Bump.MAJOR
        assert not [request for request in requests if request.endswith("/refs")]
        assert not twice(requests)

    def test_of_a_release_and_a_folder(self, hub: LocalHub, folder: Path, requests: list[str]) -> None:
        requests.clear()
        assert hfver.diff(f"{REPO}@1.0.0", str(folder), hub=hub).level == Bump.MAJOR
        assert not twice(requests)

    def test_of_adopted_releases(self, local_hub: LocalHub, folder: Path, requests: list[str]) -> None:
        (folder / "lineage.yaml").write_text("a: [")
        HfApi(local_hub.url, token=local_hub.token).create_repo(OLD)
        with Importer(bare_repo(local_hub, OLD)) as git:
            for tag, seed in (("v1.0.0", 1), ("v1.1.0", 2)):
                move_weights(folder, seed)
                git.tag(tag, git.commit("refs/heads/main", stored(folder, local_hub)), tag)
        hfver.adopt(OLD, hub=local_hub)
        requests.clear()
        difference = hfver.diff(f"{OLD}@1.0.0", f"{OLD}@1.1.0", hub=local_hub)
        assert difference.level == Bump.MINOR and "No digests" in difference.notes[0]
        assert any(request.endswith("model.safetensors") for request in requests)
        assert any(request.endswith("lineage.yaml") for request in requests)
        assert not twice(requests)

    def test_of_the_release_before_a_new_one(self, hub: LocalHub, folder: Path, requests: list[str]) -> None:
        move_weights(folder, 3)
        requests.clear()
        assert hfver.release(folder, REPO, hub=hub, smoke="off").version == "2.1.0"
        assert not {request for request in twice(requests) if "/resolve/" in request}


class TestDescriptions:
    """What is described without reading, and what is read."""

    def test_a_file_is_read_from_disk_once(self, folder: Path) -> None:
        described = describe_folder(folder)
        before = described.read("config.json")
        (folder / "config.json").unlink()
        assert described.read("config.json") is before

    def test_a_release_knows_its_files_lineage_and_card(self, hub: LocalHub, folder: Path) -> None:
        (release,) = describe(hub, f"{REPO}@2.0.0")
        local = describe_folder(folder)
        assert release.name == f"{REPO}@2.0.0"
        assert (release.files, release.tensors) == (local.files, local.tensors)
        assert set(release.documents) == {"README.md", "CHANGELOG.md", "lineage.yaml"}
        assert release.lineage.model_name == "bot"
        assert release.card["library_name"] == "transformers"

    def test_large_files_are_read_only_where_they_differ(self, folder: Path) -> None:
        tokenizer = folder / "tokenizer.json"
        tokenizer.write_text(json.dumps(json.loads(tokenizer.read_text()), indent=200))
        assert tokenizer.stat().st_size > 256 * 1024
        one = describe_folder(folder)
        assert "tokenizer.json" not in one.side(one).contents
        edit(folder / "tokenizer_config.json", padding_side="left")
        other = describe_folder(folder)
        assert all("tokenizer.json" in side.contents for side in (one.side(other), other.side(one)))

    def test_what_is_handed_over_replaces_what_the_folder_has(self, folder: Path) -> None:
        (folder / "README.md").write_text("---\nlicense: mit\n---\n")
        (folder / "lineage.yaml").write_text("license: mit\n")
        own = describe_checkpoint(read_checkpoint(folder, for_release=False))
        assert (own.card["license"], own.lineage.license) == ("mit", "mit")
        given = describe_checkpoint(
            read_checkpoint(folder, for_release=False), Lineage(license="gpl-3.0"), b"---\nlicense: gpl-3.0\n---\n"
        )
        assert (given.card["license"], given.lineage.license) == ("gpl-3.0", "gpl-3.0")
        assert compare_described(own, given).level == Bump.MAJOR


def test_a_difference_is_judged_by_the_rules_of_a_release(
    checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = checkpoint(1, name="before"), checkpoint(1, name="after")
    config = json.loads((after / "generation_config.json").read_text())
    (after / "generation_config.json").write_text(json.dumps(config | {"temperature": 0.3}))
    monkeypatch.chdir(tmp_path)
    assert str(hfver.diff(str(before), str(after)).level) == "minor"
    (tmp_path / "hfver.toml").write_text('[rules]\nsampling = "major"\n')
    assert str(hfver.diff(str(before), str(after)).level) == "major"
    (tmp_path / "other.toml").write_text('[rules]\nsampling = "patch"\n')
    assert str(hfver.diff(str(before), str(after), policy=tmp_path / "other.toml").level) == "patch"
    (tmp_path / "hfver.toml").write_text('[rules]\nno-such-rule = "major"\n')
    with pytest.raises(BadConfig):
        hfver.diff(str(before), str(after))
