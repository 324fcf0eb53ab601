"""A 404 proves that something does not exist only if it says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.manifest import LEDGER
from hfver.errors import EntryNotFound, HubError, HubNotFound, LedgerTruncated, Refused
from hfver.hub import Hub
from tests.hostile.checkpoints import REPO, config, model
from tests.hostile.lying_proxy import Answer, lying_proxy

LEDGER_FILE = r"/resolve/[0-9a-f]{40}/\.hfver/releases\.jsonl"
PLAIN = Answer(b"not found", 404)
ENTRY = Answer(b"", 404, {"x-error-code": "EntryNotFound", "x-error-message": "Entry not found"})


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    _forget(monkeypatch, tmp_path / "one")


def _forget(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("HFVER_CACHE", str(folder / "hfver"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder / "hf"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return model(tmp_path / "model")


@pytest.fixture
def yanked(local_hub: LocalHub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalHub:
    """Three releases and a yank, and a machine that has not seen them."""
    for number in (7, 8, 9):
        config(folder, initializer_range=number / 100)
        hfver.release(folder, REPO, hub=local_hub, smoke="off")
    version = hfver.versions(REPO, hub=local_hub).releases[0].version
    hfver.yank(f"{REPO}@{version}", reason="broken", hub=local_hub)
    config(folder, initializer_range=0.5)
    _forget(monkeypatch, tmp_path / "two")
    return local_hub


def ledger_of(hub: LocalHub) -> bytes | None:
    repo = Hub(hub.url, hub.token).repo(REPO)
    return repo.find(repo.refs().main, LEDGER)


@pytest.mark.parametrize("lie", [PLAIN, ENTRY, Answer(b"", 404, {"x-error-code": "Whatever"})])
@pytest.mark.parametrize("version", [None, "9.0.0"])
def test_the_ledger_is_not_replaced(lie: Answer, version: str | None, yanked: LocalHub, folder: Path) -> None:
    before = ledger_of(yanked)
    with lying_proxy(yanked.url, LEDGER_FILE, lie) as hub, pytest.raises(HubError) as caught:
        hfver.release(folder, REPO, hub=hub.url, token=yanked.token, smoke="off", version=version)
    assert not isinstance(caught.value, HubNotFound)
    assert ledger_of(yanked) == before
    assert f"{REPO}: " in str(caught.value) or f"{REPO}@" in str(caught.value)


@pytest.mark.parametrize("lie", [PLAIN, ENTRY])
def test_readers_do_not_take_it_for_an_empty_repo(lie: Answer, yanked: LocalHub) -> None:
    with lying_proxy(yanked.url, LEDGER_FILE, lie) as hub, pytest.raises(HubError) as caught:
        hfver.versions(REPO, hub=hub.url, token=yanked.token)
    assert not isinstance(caught.value, HubNotFound)


def test_a_passing_false_404_is_retried(yanked: LocalHub, folder: Path) -> None:
    lies = iter([PLAIN])

    def once(body: bytes) -> bytes | Answer:
        return next(lies, body)

    with lying_proxy(yanked.url, LEDGER_FILE, once) as hub:
        release = hfver.release(folder, REPO, hub=hub.url, token=yanked.token, smoke="off")
    assert next(lies, None) is None
    assert len(hfver.versions(REPO, hub=yanked).releases) == 4
    assert release.commit


@pytest.mark.parametrize("path", [r"/refs\?", r"/tree/", "expand=sha"])
def test_no_false_404_of_the_api_makes_a_repo_absent(path: str, yanked: LocalHub) -> None:
    with lying_proxy(yanked.url, path, PLAIN) as hub:
        repo = Hub(hub.url, yanked.token).repo(REPO)
        main = Hub(yanked.url, yanked.token).repo(REPO).refs().main
        calls = {r"/refs\?": repo.find_refs, r"/tree/": lambda: repo.tree(main), "expand=sha": repo.find_name}
        with pytest.raises(HubError, match="without saying what is missing") as caught:
            calls[path]()
    assert not isinstance(caught.value, HubNotFound)


def test_a_false_404_is_not_a_lost_object(yanked: LocalHub) -> None:
    with lying_proxy(yanked.url, r"/resolve/.*/model\.safetensors", PLAIN) as hub, pytest.raises(HubError) as caught:
        hfver.pull(REPO, hub=hub.url, token=yanked.token)
    assert not isinstance(caught.value, HubNotFound)


def test_what_is_really_absent(yanked: LocalHub) -> None:
    repo = Hub(yanked.url, yanked.token).repo(REPO)
    main = repo.refs().main
    assert repo.find(main, "absent") is None
    with pytest.raises(EntryNotFound):
        repo.read(main, "absent")
    with pytest.raises(HubNotFound) as caught:
        repo.find("0" * 40, "absent")
    assert not isinstance(caught.value, EntryNotFound)
    assert Hub(yanked.url, yanked.token).repo("acme/absent").find_refs() is None


def test_a_deleted_ledger_is_not_started_again(yanked: LocalHub, folder: Path) -> None:
    api_of(yanked).delete_file(LEDGER, REPO)
    for dry_run in (True, False):
        with pytest.raises(LedgerTruncated, match="but had one"):
            hfver.release(folder, REPO, hub=yanked, smoke="off", dry_run=dry_run)
    with pytest.raises(LedgerTruncated, match="but had one"):
        hfver.adopt(REPO, hub=yanked)
    assert ledger_of(yanked) is None


def test_no_ledger_is_started_beside_foreign_tags(local_hub: LocalHub, folder: Path) -> None:
    api = api_of(local_hub)
    api.create_repo(REPO)
    api.upload_file(repo_id=REPO, path_or_fileobj=b"{}", path_in_repo="config.json")
    api.create_tag(REPO, tag="v1.0.0")
    config(folder, initializer_range=0.5)
    for dry_run in (True, False):
        with pytest.raises(Refused, match=r"version tags \(v1\.0\.0\), but no ledger") as caught:
            hfver.release(folder, REPO, hub=local_hub, smoke="off", dry_run=dry_run)
    assert f"hfver adopt {REPO}" in caught.value.hint
    hfver.adopt(REPO, hub=local_hub)
    assert hfver.release(folder, REPO, hub=local_hub, smoke="off").version != "1.0.0"


def api_of(hub: LocalHub) -> HfApi:
    return HfApi(hub.url, token=hub.token)
