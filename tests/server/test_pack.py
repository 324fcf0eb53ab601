"""What a commit leaves on disk."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from hfver.server import EmbeddedHub
from hfver.server.git.pack import stage_objects
from hfver.server.git.repository import open_repository
from hfver.server.storage.folder import open_folder

from .tools import REPO, file_line, git, header, post_commit


@pytest.fixture
def folder(hub: EmbeddedHub, repo: str) -> Path:
    """The bare repository of the new repo."""
    return hub.root / "repos" / "models" / f"{repo}.git"


def _loose(folder: Path) -> int:
    return sum(1 for path in folder.glob("objects/??/*") if path.is_file())


def _packs(folder: Path) -> int:
    return len(list(folder.glob("objects/pack/*.pack")))


def test_a_commit_of_many_files_is_one_pack(hub: EmbeddedHub, http: httpx.Client, folder: Path) -> None:
    before = _loose(folder)
    lines = [file_line(f"folder/{number}.txt", f"text {number}".encode()) for number in range(30)]
    assert post_commit(http, header(), *lines).status_code == 200
    assert (_packs(folder), _loose(folder)) == (1, before)
    assert git("fsck", "--strict", cwd=folder).stdout == ""
    assert list((hub.root / "lfs" / "incoming").iterdir()) == []


def test_a_refused_commit_leaves_nothing(hub: EmbeddedHub, http: httpx.Client, folder: Path) -> None:
    stale = header(parentCommit="0" * 40)
    assert post_commit(http, stale, file_line("a.txt")).status_code == 412
    assert post_commit(http, header(), file_line("a.txt"), b"nonsense").status_code == 400
    assert _packs(folder) == 0
    assert list((hub.root / "lfs" / "incoming").iterdir()) == []


def test_packs_are_combined(http: httpx.Client, folder: Path) -> None:
    for number in range(50):
        assert post_commit(http, header(), file_line(f"{number}.txt")).status_code == 200
    assert _packs(folder) <= 20
    assert _loose(folder) == 0
    assert git("rev-list", "--count", "main", cwd=folder).stdout == "51\n"
    assert git("fsck", "--strict", cwd=folder).stdout == ""
    assert len(http.get(f"/api/models/{REPO}/tree/main").json()) == 51


def test_handles_are_configured_to_sync_objects_to_disk(hub: EmbeddedHub, folder: Path) -> None:
    handle = open_repository(folder, open_folder(hub.root).settings)
    assert handle.config.get_bool("core.fsyncObjectFiles")
    assert "fsyncobjectfiles" not in git("config", "--list", cwd=folder).stdout
    handle.free()


def test_staged_objects_are_visible_to_others_only_when_published(hub: EmbeddedHub, folder: Path) -> None:
    place = open_folder(hub.root)
    reader = open_repository(folder, place.settings)
    with stage_objects(place, reader) as staged:
        blob = staged.git.create_blob(b"staged")
        assert staged.git.odb.exists(blob)
        assert not reader.odb.exists(blob)
        staged.publish()
        staged.publish()
        assert reader.odb.exists(blob)
    assert _packs(folder) == 1
    reader.free()
