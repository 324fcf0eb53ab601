"""The shared cache: bytes that are refused never lie where other clients find them, and no Hub replaces another's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, scan_cache_dir, snapshot_download

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.manifest import MANIFEST
from hfver.errors import DigestMismatch, UsageError
from hfver.hub.cache import CommitCache, snapshot_folder
from hfver.hub.memory import Memory
from hfver.registry.release_checks import git_blob_id
from tests.hostile.checkpoints import REPO, model
from tests.hostile.lying_proxy import Answer, lying_proxy

RAW = "acme/raw"
OTHER = b'{"other": true}'


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """One release, and a repo that hfver did not make; no test changes them."""
    folder = tmp_path_factory.mktemp("released")
    with LocalHub(folder / "hub") as hub:
        hfver.release(model(folder / "model"), REPO, hub=hub, smoke="off")
        api = HfApi(hub.url, token=hub.token)
        api.create_repo(RAW)
        api.upload_file(path_or_fileobj=b"{}", path_in_repo="config.json", repo_id=RAW, commit_message="by hand")
        yield hub


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, released: LocalHub) -> Path:
    """An empty Hugging Face cache, and a token."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "hfver"))
    monkeypatch.setenv("HF_TOKEN", released.token)
    return tmp_path / "hf"


def commit_of(hub: LocalHub, repo: str) -> str:
    return str(HfApi(hub.url, token=hub.token).repo_info(repo).sha)


def release_commit(hub: LocalHub) -> str:
    return str(hfver.resolve(REPO, hub=hub).commit)


def offline(cache: Path, repo: str, commit: str) -> Path | None:
    """Ask plain huggingface_hub for a commit in a new process that is offline; None if it has nothing."""
    # Some versions ask for a list of files even if a commit is there, unless they are told to look here alone.
    options = "revision=sys.argv[2], local_files_only=True"
    code = f"import sys, huggingface_hub as h; print(h.snapshot_download(sys.argv[1], {options}))"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", code, repo, commit], env=environment, capture_output=True, text=True, check=False
    )
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def plain_download(url: str, repo: str, commit: str, **options: Any) -> Path:
    return Path(snapshot_download(repo, revision=commit, endpoint=url, **options))


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", MANIFEST])
def test_refused_bytes_are_not_served_to_other_clients(file: str, released: LocalHub, cache: Path) -> None:
    commit, wrong, asked = release_commit(released), [b""], [0]

    def lie(body: bytes) -> bytes:
        asked[0] += 1
        wrong[0] = bytes(len(body))
        return wrong[0]

    with lying_proxy(released.url, rf"/resolve/{commit}/{file}", lie) as hub:
        if file == MANIFEST:  # it is read before it is downloaded, so this Hub lies about it only later
            hfver.resolve(REPO, hub=released.url)
            shutil.copytree(Memory(released.url, REPO).folder, Memory(hub.url, REPO).folder)
        with pytest.raises(DigestMismatch, match=rf"{file} is sha256:.* as {hub.url} sends it"):
            hfver.pull(f"{REPO}@{commit}", hub=hub.url)
    assert asked == [2]
    assert wrong[0] not in contents(cache)
    served = offline(cache, REPO, commit)
    assert served is None or not (served / file).exists()
    assert hfver.pull(REPO, hub=released).verified


def test_a_file_that_is_wrong_once_is_requested_again(released: LocalHub, cache: Path) -> None:
    bodies: list[bytes] = []

    def lie(body: bytes) -> bytes:
        bodies.append(bytes(len(body)) if not bodies else body)
        return bodies[-1]

    with lying_proxy(released.url, r"/resolve/.*model\.safetensors", lie) as hub:
        folder = hfver.pull(REPO, hub=hub.url).path
    assert (folder / "model.safetensors").read_bytes() == bodies[1] != bodies[0]
    assert bodies[0] not in contents(cache)


@pytest.mark.parametrize("honest", [True, False])
def test_what_huggingface_hub_downloads_for_hfver_is_verified_too(
    honest: bool, released: LocalHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files in Xet are left to huggingface_hub, which puts them into its cache without hashing them."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", False)
    wrong: list[bytes] = []

    def lie(body: bytes) -> bytes:
        if body.startswith(b"["):
            entries = json.loads(body)
            next(entry for entry in entries if entry["path"] == "model.safetensors")["xetHash"] = "a" * 64
            return json.dumps(entries).encode()
        wrong.append(bytes(len(body)))
        return body if honest else wrong[-1]

    with lying_proxy(released.url, r"/tree/|/resolve/.*model\.safetensors", lie) as hub:
        if honest:
            assert hfver.pull(REPO, hub=hub.url).verified
        else:
            with pytest.raises(DigestMismatch, match="model.safetensors is sha256:"):
                hfver.pull(REPO, hub=hub.url)
    assert wrong[-1] not in contents(cache)
    assert not list(cache.rglob("*.xet")) or not honest
    assert hfver.pull(REPO, hub=released).verified
    assert scan_cache_dir(cache).warnings == []


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", MANIFEST])
def test_what_a_plain_client_got_from_a_lying_hub_is_replaced(file: str, released: LocalHub, cache: Path) -> None:
    commit = release_commit(released)
    with lying_proxy(released.url, rf"/resolve/{commit}/{file}", lambda body: bytes(len(body))) as hub:
        folder = plain_download(hub.url, REPO, commit)
    before = {path: path.stat() for path in folder.iterdir() if path.is_file() and path.name != file}
    assert not (folder / file).read_bytes().strip(b"\0")
    assert hfver.pull(REPO, hub=released).path == folder
    assert (folder / file).read_bytes().strip(b"\0")
    assert all(os.path.samestat(path.stat(), stat) for path, stat in before.items())  # the others were right
    assert hfver.verify(REPO, hub=released, force=True).version == "1.0.0"


def test_a_damaged_blob_takes_its_links_along_and_an_intact_one_stays(released: LocalHub, cache: Path) -> None:
    """huggingface_hub cannot list a cache with a link that leads nowhere."""
    folder = hfver.pull(REPO, hub=released).path
    other = folder.with_name("f" * 40)
    shutil.copytree(folder, other, symlinks=True)
    weights, config = (folder / "model.safetensors").resolve(), (folder / "config.json").resolve()
    weights.write_bytes(bytes(weights.stat().st_size))
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to(os.path.relpath((folder / "README.md").resolve(), folder))
    assert hfver.pull(REPO, hub=released).verified
    assert scan_cache_dir(cache).warnings == []
    assert not (other / "model.safetensors").is_symlink()
    assert (other / "config.json").resolve() == config
    assert (other / "README.md").read_bytes() == (folder / "README.md").read_bytes()
    assert hfver.verify(REPO, hub=released, force=True).version == "1.0.0"


def test_a_listing_cannot_give_a_file_the_name_of_a_different_one(released: LocalHub, cache: Path) -> None:
    """A plain client that needs a blob takes what has its name."""
    name = git_blob_id(b"what somebody else will need")

    def lie(body: bytes) -> bytes:
        entries = json.loads(body)
        next(entry for entry in entries if entry["path"] == "config.json")["oid"] = name
        return json.dumps(entries).encode()

    with (
        lying_proxy(released.url, "/tree/", lie) as hub,
        pytest.raises(DigestMismatch, match="config.json is git blob"),
    ):
        hfver.pull(REPO, hub=hub.url)
    assert not list(cache.rglob(name))


def other_content(body: bytes) -> bytes:
    """Answer as a Hub does that has different content for a file: listing and file agree."""
    entries = json.loads(body)
    next(entry for entry in entries if entry["path"] == "config.json").update(oid=git_blob_id(OTHER), size=len(OTHER))
    return json.dumps(entries).encode()


def lie_consistently(body: bytes) -> bytes | Answer:
    return other_content(body) if body.startswith(b"[") else OTHER


LIES = r"/tree/|/resolve/.*config\.json"


def test_no_hub_replaces_the_files_of_another_hub(released: LocalHub, cache: Path) -> None:
    ref = f"{RAW}@{commit_of(released, RAW)}"
    folder = hfver.pull(ref, hub=released.url).path
    with lying_proxy(released.url, LIES, lie_consistently) as hub:
        with pytest.raises(DigestMismatch, match="claim different files") as caught:
            hfver.pull(ref, hub=hub.url)
        assert hub.url in caught.value.message and released.url in caught.value.message
    assert (folder / "config.json").read_bytes() == b"{}"
    assert OTHER not in contents(cache)
    assert hfver.pull(ref, hub=released.url).path == folder


def test_what_a_lying_hub_left_is_not_believed_for_another(released: LocalHub, cache: Path) -> None:
    ref = f"{RAW}@{commit_of(released, RAW)}"
    with lying_proxy(released.url, LIES, lie_consistently) as hub:
        folder = hfver.pull(ref, hub=hub.url).path
        assert (folder / "config.json").read_bytes() == OTHER
    with pytest.raises(DigestMismatch, match="claim different files") as caught:
        hfver.pull(ref, hub=released.url)
    assert caught.value.exit_code == 3
    # What the hint says helps.
    shutil.rmtree(caught.value.hint.rpartition("delete ")[2].rstrip("."))
    assert (hfver.pull(ref, hub=released.url).path / "config.json").read_bytes() == b"{}"


def test_a_hub_that_adds_a_file_to_a_commit_of_another_is_refused(released: LocalHub, cache: Path) -> None:
    def add(body: bytes) -> bytes:
        if not body.startswith(b"["):
            return OTHER
        entry = {"type": "file", "path": "chat_template.jinja", "size": len(OTHER), "oid": git_blob_id(OTHER)}
        return json.dumps([*json.loads(body), entry]).encode()

    ref = f"{RAW}@{commit_of(released, RAW)}"
    folder = hfver.pull(ref, hub=released.url).path
    lies = r"/tree/|/resolve/.*chat_template\.jinja"
    with lying_proxy(released.url, lies, add) as hub, pytest.raises(DigestMismatch, match="chat_template.jinja"):
        hfver.pull(ref, hub=hub.url)
    assert not (folder / "chat_template.jinja").exists()


def test_two_addresses_of_one_hub_share_a_commit(released: LocalHub, cache: Path) -> None:
    first = hfver.pull(REPO, hub=released).path
    with lying_proxy(released.url, "never", Answer()) as hub:
        assert hfver.pull(REPO, hub=hub.url).path == first
        (first / "model.safetensors").resolve().unlink()
        (first / "config.json").unlink()
        assert hfver.pull(REPO, hub=hub.url).path == first
    assert hfver.verify(REPO, hub=released, force=True).version == "1.0.0"


def test_huggingface_hub_works_with_the_cache(released: LocalHub, cache: Path) -> None:
    commit, raw = release_commit(released), commit_of(released, RAW)
    hfver.pull(f"{RAW}@{raw}", hub=released.url)
    folder = hfver.pull(REPO, hub=released.url).path
    assert offline(cache, REPO, commit) == folder
    assert plain_download(released.url, REPO, commit) == folder
    info = scan_cache_dir(cache)
    assert info.warnings == []
    assert {repo.repo_id for repo in info.repos} == {REPO, RAW}
    info.delete_revisions(commit).execute()
    assert not folder.parents[1].exists()
    assert {repo.repo_id for repo in scan_cache_dir(cache).repos} == {RAW}
    assert hfver.pull(REPO, hub=released.url).path == folder


def test_nothing_is_written_through_links_in_the_private_folder(
    released: LocalHub, cache: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    commit = release_commit(released)
    place = CommitCache(REPO, commit, released.url)
    name = hfver.resolve(REPO, hub=released).manifest.files["model.safetensors"].sha256  # type: ignore[union-attr]
    part = place.storage / f"{place.private}/{name}.part"
    part.parent.mkdir(parents=True)
    os.link(mine / "thesis.tex", part)
    assert hfver.pull(REPO, hub=released.url).verified
    shutil.rmtree(snapshot_folder(REPO, commit).parents[1])
    place.storage.mkdir(parents=True)
    (place.storage / ".hfver").symlink_to(mine)
    with pytest.raises(UsageError, match=r"\.hfver is a link"):
        hfver.pull(REPO, hub=released.url)
    assert [path.name for path in mine.iterdir()] == ["thesis.tex"]
    assert (mine / "thesis.tex").read_text() == "years of work"
