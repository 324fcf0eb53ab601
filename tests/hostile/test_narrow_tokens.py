"""A token that may write to one repo and nothing else, as a trusted publisher's: whoami and other repos refuse it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.errors import HubDenied
from hfver.hub import Hub
from hfver.model.checkpoint import read_checkpoint
from hfver.releasing.base import find_base
from tests.hostile.checkpoints import REPO, config, model
from tests.hostile.lying_proxy import Answer, lying_proxy

BASE, DATA = "acme/base", "acme/data"
DENIED = Answer(b'{"error":"Forbidden"}', 403, {"content-type": "application/json"})
UNKNOWN = Answer(b'{"error":"Invalid username or password."}', 401, {"content-type": "application/json"})


@pytest.fixture(autouse=True)
def token(local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", local_hub.token)
    for name in ("GITHUB_REPOSITORY", "CI_PROJECT_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return model(tmp_path / "model")


@pytest.fixture
def nameless(local_hub: LocalHub) -> Iterator[str]:
    """The address of a Hub whose whoami refuses the token."""
    with lying_proxy(local_hub.url, "/whoami", UNKNOWN) as proxy:
        yield proxy.url


@pytest.mark.parametrize("job", [None, "acme/training"])
def test_no_verb_needs_whoami(
    job: str | None, nameless: str, folder: Path, local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    if job:
        monkeypatch.setenv("GITHUB_REPOSITORY", job)
    release = hfver.release(folder, REPO, hub=nameless, smoke="off")
    hfver.yank(f"{REPO}@{release.version}", reason="x", hub=nameless)
    HfApi(local_hub.url, token=local_hub.token).move_repo(REPO, "acme/moved")
    hfver.adopt("acme/moved", renamed_from=REPO, hub=nameless)
    found = hfver.resolve(f"acme/moved@{release.version}", hub=local_hub)
    assert found.author == (f"github:{job}" if job else "unknown")
    assert hfver.audit("acme/moved", hub=nameless).clean


def test_a_pull_request_is_found_again_without_whoami(nameless: str, folder: Path, local_hub: LocalHub) -> None:
    hfver.release(folder, REPO, hub=nameless, smoke="off")
    config(folder, initializer_range=0.5)
    first = hfver.release(folder, REPO, hub=nameless, smoke="off", review=True)
    again = hfver.release(folder, REPO, hub=nameless, smoke="off", review=True)
    assert first.review and again.review
    assert first.review.number == again.review.number
    assert len(list(HfApi(local_hub.url, token=local_hub.token).get_repo_discussions(REPO))) == 1


def test_a_pull_request_that_only_has_the_title_is_not_ours(nameless: str, folder: Path, local_hub: LocalHub) -> None:
    hfver.release(folder, REPO, hub=nameless, smoke="off")
    config(folder, initializer_range=0.5)
    api = HfApi(local_hub.url, token=local_hub.token)
    digest = hfver.release(folder, REPO, hub=nameless, smoke="off", dry_run=True).content_digest
    mark = f"[{str(digest).removeprefix('sha256:')[:12]}]"
    forged = api.create_pull_request(REPO, title=f"Something else {mark}", description="not by hfver")
    ours = hfver.release(folder, REPO, hub=nameless, smoke="off", review=True)
    assert ours.review and ours.review.number != forged.num
    assert mark in api.get_discussion_details(REPO, ours.review.number).title
    assert api.get_discussion_details(REPO, forged.num).status == "draft"


def test_a_base_that_refuses_the_token_is_recorded_unpinned(folder: Path, local_hub: LocalHub) -> None:
    HfApi(local_hub.url, token=local_hub.token).create_repo(BASE, private=True)
    with lying_proxy(local_hub.url, f"/api/(models/{BASE}|datasets/{DATA})/", DENIED) as proxy:
        hfver.release(folder, REPO, hub=proxy.url, smoke="off", base=BASE, datasets=[DATA])
    release = hfver.resolve(REPO, hub=local_hub)
    lineage = HfApi(local_hub.url, token=local_hub.token).hf_hub_download(REPO, "lineage.yaml", revision=release.commit)
    text = Path(lineage).read_text()
    assert BASE in text
    assert DATA in text


def test_a_public_base_that_refuses_the_token_is_asked_without_it(folder: Path, local_hub: LocalHub) -> None:
    api = HfApi(local_hub.url, token=local_hub.token)
    api.create_repo(BASE)
    commit = api.upload_file(repo_id=BASE, path_or_fileobj=b"{}", path_in_repo="config.json").oid
    hub = Hub(local_hub.url, "hf_notknownhere")
    with pytest.raises(HubDenied):
        hub.repo(BASE).refs()
    base = find_base(hub, read_checkpoint(folder), BASE)
    assert base
    assert base.revision == commit
