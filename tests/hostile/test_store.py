"""Bytes that change while they are released: no Hub stores them under the old SHA-256, by any transport."""

from __future__ import annotations

import hashlib
import mmap
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.errors import BadCheckpoint
from tests.conftest import MakeCheckpoint

REPO, OTHER = "acme/bot", "acme/other"
WEIGHTS = "model.safetensors"

Release = Callable[..., Any]


@pytest.fixture(params=["folder", "http"])
def release(request: pytest.FixtureRequest, local_hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Release to a Hub in this process, given as a folder, or to the same one by its address."""
    if request.param == "http":
        monkeypatch.setenv("HF_TOKEN", local_hub.token)
    hub = local_hub if request.param == "folder" else local_hub.url

    def make(folder: Path, repo: str = REPO, **options: Any) -> Any:
        return hfver.release(folder, repo, hub=hub, smoke="off", **options)

    return make


def stamp(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def stored(hub: LocalHub) -> dict[str, str]:
    """Return the SHA-256 of each object in the store, by its name."""
    return {path.name: sha256(path) for path in (hub.path / "lfs" / "objects").rglob("*") if path.is_file()}


def check_store(hub: LocalHub) -> None:
    assert {name: found for name, found in stored(hub).items() if name != found} == {}
    assert list((hub.path / "lfs" / "incoming").iterdir()) == []


@contextmanager
def open_mapping(path: Path) -> Iterator[Callable[[], None]]:
    """Map a file as a running training does, and yield a write to it that does not change its times."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        mapping[-1] ^= 1  # the page is dirty from here on, so the kernel does not see further writes to it

        def write() -> None:
            mapping[-1] ^= 2

        time.sleep(2.1)  # hfver does not cache the hash of a file that was written less than two seconds ago
        yield write


def test_weights_that_change_through_a_mapping_are_not_released(
    release: Release, local_hub: LocalHub, checkpoint: MakeCheckpoint
) -> None:
    folder = checkpoint()
    with open_mapping(folder / WEIGHTS) as write:
        release(folder, dry_run=True)
        before = stamp(folder / WEIGHTS)
        write()
        if stamp(folder / WEIGHTS) != before:
            pytest.skip("this file system records the time of every write to a mapping")
        with pytest.raises(BadCheckpoint, match=f"{WEIGHTS} changed since it was read") as caught:
            release(folder)
    assert caught.value.exit_code == 2
    assert hfver.versions(REPO, hub=local_hub).releases == ()
    check_store(local_hub)
    # The cached hash of the file was dropped with that: the same command hashes the file again, and releases it.
    done = release(folder)
    assert {file["path"]: file["sha256"] for file in done.files}[WEIGHTS] == sha256(folder / WEIGHTS)
    assert sha256(hfver.pull(REPO, hub=local_hub).path / WEIGHTS) == sha256(folder / WEIGHTS)
    check_store(local_hub)


def test_a_file_replaced_between_hash_and_copy_never_enters_the_store(
    release: Release, local_hub: LocalHub, checkpoint: MakeCheckpoint
) -> None:
    folder, kept = checkpoint(), checkpoint(name="kept")
    other = checkpoint(5) / WEIGHTS

    def exchange(label: str, done: int, total: int) -> None:
        if label == "uploading" and not done and other.exists():
            other.replace(folder / WEIGHTS)

    with pytest.raises(BadCheckpoint, match=f"{WEIGHTS} changed since it was read"):
        release(folder, progress=exchange)
    assert hfver.versions(REPO, hub=local_hub).releases == ()
    check_store(local_hub)
    # Releases of the right bytes, here and in another repo, are not affected.
    for repo in (REPO, OTHER):
        release(kept, repo)
        assert sha256(hfver.pull(repo, hub=local_hub).path / WEIGHTS) == sha256(kept / WEIGHTS)
    check_store(local_hub)


def test_a_regular_file_that_changes_through_a_mapping_is_released_as_it_is_now(
    release: Release, local_hub: LocalHub, checkpoint: MakeCheckpoint
) -> None:
    folder = checkpoint()
    notes = folder / "notes.jsonl"
    notes.write_bytes(b'{"a": 1}\n' * 500_000)
    with open_mapping(notes) as write:
        release(folder, dry_run=True)
        write()
        release(folder)
        assert sha256(hfver.pull(REPO, hub=local_hub).path / "notes.jsonl") == sha256(notes)


def test_an_object_that_was_damaged_in_the_store_is_replaced_by_the_next_release(
    release: Release, local_hub: LocalHub, checkpoint: MakeCheckpoint
) -> None:
    """An earlier version, a person or a disk can leave wrong bytes under a right name."""
    folder = checkpoint()
    release(folder, OTHER)
    name = sha256(folder / WEIGHTS)
    path = local_hub.path / "lfs" / "objects" / name[:2] / name[2:4] / name
    path.chmod(0o644)
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    release(folder)
    assert sha256(hfver.pull(REPO, hub=local_hub).path / WEIGHTS) == name
    check_store(local_hub)


def test_a_damaged_object_is_not_copied_into_the_cache(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    folder = checkpoint()
    (folder / "blob.bin").write_bytes(os.urandom(3_000_000))
    done = hfver.release(folder, REPO, hub=local_hub, smoke="off")
    name = sha256(folder / "blob.bin")
    path = local_hub.path / "lfs" / "objects" / name[:2] / name[2:4] / name
    path.chmod(0o644)
    path.write_bytes(bytes(3_000_000))
    with pytest.raises(hfver.HfverError) as caught:
        hfver.pull(f"{REPO}@{done.version}", hub=local_hub)
    assert caught.value.exit_code == 3
    assert not any(found.name == name for found in (tmp_path / "cache").rglob("*"))
