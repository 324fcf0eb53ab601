"""A Hub whose refs name the objects of annotated tags instead of their commits."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.manifest import LEDGER
from hfver.errors import TagMoved
from hfver.hub import Hub
from hfver.registry.state import read_state
from tests.building import bare_repo
from tests.hostile.checkpoints import REPO, config, model
from tests.hostile.lying_proxy import lying_proxy


def git(hub: LocalHub, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(bare_repo(hub, REPO)), "-c", "user.name=m", "-c", "user.email=m@example.com", *words],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


@pytest.fixture
def url(local_hub: LocalHub) -> Iterator[str]:
    """The address of the Hub whose refs name tag objects."""

    def unpeel(body: bytes) -> bytes:
        refs = json.loads(body)
        for tag in refs.get("tags", []):
            tag["targetCommit"] = git(local_hub, "rev-parse", f"refs/tags/{tag['name']}")
        return json.dumps(refs).encode()

    with lying_proxy(local_hub.url, r"/refs\?include_prs", unpeel) as proxy:
        yield proxy.url


@pytest.fixture(autouse=True)
def token(local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_TOKEN", local_hub.token)
    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "one"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return model(tmp_path / "model")


def test_every_verb_works(url: str, folder: Path, local_hub: LocalHub, tmp_path: Path) -> None:
    first = hfver.release(folder, REPO, hub=url, smoke="off")
    assert git(local_hub, "cat-file", "-t", f"refs/tags/{first.tag}") == "tag"
    config(folder, initializer_range=0.5)
    second = hfver.release(folder, REPO, hub=url, smoke="off")
    assert len(hfver.versions(REPO, hub=url).releases) == 2
    assert hfver.resolve(f"{REPO}@{first.version}", hub=url).commit == first.commit
    hfver.yank(f"{REPO}@{second.version}", reason="x", hub=url)
    hfver.pull(f"{REPO}@{first.version}", str(tmp_path / "target"), hub=url)
    assert hfver.audit(REPO, hub=url).clean


@pytest.mark.parametrize("branch", [False, True])
def test_a_moved_tag_is_still_found(branch: bool, url: str, folder: Path, local_hub: LocalHub) -> None:
    first = hfver.release(folder, REPO, hub=url, smoke="off")
    git(local_hub, "tag", "-fam", "moved", str(first.tag), "main")
    if branch:  # one that the Hub resolves instead of the tag proves nothing
        git(local_hub, "branch", str(first.tag), first.commit)
    with pytest.raises(TagMoved):
        hfver.resolve(f"{REPO}@{first.version}", hub=url)
    with pytest.raises(TagMoved):
        hfver.versions(REPO, hub=url)


def test_an_unfinished_release_is_completed_with_its_commit(
    url: str, folder: Path, local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = hfver.release(folder, REPO, hub=url, smoke="off")
    HfApi(local_hub.url, token=local_hub.token).delete_file(LEDGER, REPO)
    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "two"))
    config(folder, initializer_range=0.5)
    hfver.release(folder, REPO, hub=url, smoke="off")
    ledger = read_state(Hub(local_hub.url, local_hub.token).repo(REPO)).ledger
    assert ledger.entries[0].commit == first.commit
    assert hfver.versions(REPO, hub=local_hub).pending == ()


def test_tags_made_by_hand_are_adopted_with_their_commits(url: str, folder: Path, local_hub: LocalHub) -> None:
    api = HfApi(local_hub.url, token=local_hub.token)
    api.create_repo(REPO)
    api.upload_file(repo_id=REPO, path_or_fileobj=b"{}", path_in_repo="config.json")
    api.create_tag(REPO, tag="v1.0.0", tag_message="by hand")
    adopted = hfver.adopt(REPO, hub=url)
    assert [one.commit for one in adopted.adopted] == [git(local_hub, "rev-parse", "v1.0.0^{commit}")]
    assert hfver.resolve(f"{REPO}@1.0.0", hub=local_hub).version == "1.0.0"
