"""Links in the cache and in a prepared folder: nothing is written, deleted or believed through them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.manifest import MANIFEST
from hfver.errors import FileUnexpected, UsageError
from hfver.loading.pull import MARK
from tests.conftest import MakeCheckpoint

REPO = "acme/bot"


@pytest.fixture
def hub(local_hub: LocalHub, checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHub:
    """A Hub with a release that has a folder, and an empty Hugging Face cache."""
    folder = checkpoint(1)
    (folder / "templates").mkdir()
    (folder / "templates" / "tool.txt").write_text("as released")
    hfver.release(folder, REPO, hub=local_hub, smoke="off")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf-cache"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path / "hf-cache"))
    return local_hub


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder with files of the user, which must stay as they are."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("tool.txt", "thesis.tex", "manifest.json", "pulling.json", "pulling.part", "config.json"):
        (folder / name).write_text("years of work")
    return folder


def listing(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_forged_mark_deletes_nothing_through_a_linked_folder(hub: LocalHub, mine: Path, tmp_path: Path) -> None:
    before, target = listing(mine), tmp_path / "model"
    (target / MARK).parent.mkdir(parents=True)
    (target / "old").symlink_to(mine)
    (target / MARK).write_text(json.dumps({"repo": REPO, "files": ["old/thesis.tex"]}))
    with pytest.raises(UsageError, match="old is a link"):
        hfver.pull(REPO, target, hub=hub)
    assert listing(mine) == before


def test_nothing_is_written_through_a_linked_folder(hub: LocalHub, mine: Path, tmp_path: Path) -> None:
    before, target = listing(mine), tmp_path / "model"
    (target / MARK).parent.mkdir(parents=True)
    (target / "templates").symlink_to(mine)
    (target / MARK).write_text(json.dumps({"repo": REPO, "files": []}))
    with pytest.raises(UsageError, match="templates is a link"):
        hfver.pull(REPO, target, hub=hub)
    assert listing(mine) == before


@pytest.mark.parametrize("name", ["pulling.json", "manifest.json"])
def test_nothing_is_written_through_a_linked_folder_of_hfver(
    name: str, hub: LocalHub, mine: Path, tmp_path: Path
) -> None:
    pulled = hfver.pull(REPO, tmp_path / "model", hub=hub).path
    (mine / "manifest.json").write_bytes((pulled / MANIFEST).read_bytes())
    (mine / "pulling.json").write_text(json.dumps({"repo": REPO, "files": []}))
    before, target = listing(mine), tmp_path / "prepared"
    target.mkdir()
    (target / ".hfver").symlink_to(mine)
    (mine / {"pulling.json": "manifest.json", "manifest.json": "pulling.json"}[name]).unlink()
    before = listing(mine)
    with pytest.raises(UsageError, match=r"\.hfver is a link"):
        hfver.pull(REPO, target, hub=hub)
    assert listing(mine) == before


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_a_linked_file_is_replaced_and_not_written_to(kind: str, hub: LocalHub, mine: Path, tmp_path: Path) -> None:
    before, target = listing(mine), tmp_path / "model"
    (target / MARK).parent.mkdir(parents=True)
    (target / MARK).write_text(json.dumps({"repo": REPO, "files": []}))
    make = os.symlink if kind == "soft" else os.link
    make(mine / "config.json", target / "config.json")
    make(mine / "pulling.part", target / ".hfver" / "pulling.part")
    hfver.pull(REPO, target, hub=hub)
    assert listing(mine) == before
    assert not (target / "config.json").is_symlink()
    assert hfver.verify(str(target), hub=hub, force=True).version == "1.0.0"


def test_a_file_that_leads_to_equal_bytes_outside_is_replaced(hub: LocalHub, tmp_path: Path) -> None:
    target = hfver.pull(REPO, tmp_path / "model", hub=hub).path
    (target / "config.json").rename(tmp_path / "elsewhere.json")
    (target / "config.json").symlink_to(tmp_path / "elsewhere.json")
    hfver.pull(REPO, target, hub=hub)
    assert not (target / "config.json").is_symlink()


def test_a_link_in_the_cache_deletes_nothing_outside(hub: LocalHub, mine: Path) -> None:
    before, snapshot = listing(mine), hfver.pull(REPO, hub=hub).path
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to(mine / "config.json")
    (snapshot / "more.tex").symlink_to(mine / "thesis.tex")
    again = hfver.pull(REPO, hub=hub).path
    assert listing(mine) == before
    assert json.loads((again / "config.json").read_text())["model_type"] == "llama"
    assert not (again / "more.tex").is_symlink()


def test_a_linked_folder_in_the_cache_is_removed_and_not_followed(hub: LocalHub, mine: Path) -> None:
    before, snapshot = listing(mine), hfver.pull(REPO, hub=hub).path
    (snapshot / "templates" / "tool.txt").unlink()
    (snapshot / "templates").rmdir()
    (snapshot / "templates").symlink_to(mine)
    again = hfver.pull(REPO, hub=hub).path
    assert listing(mine) == before
    assert (again / "templates" / "tool.txt").read_text() == "as released"
    assert not (again / "templates").is_symlink()


def test_a_linked_folder_without_the_file_is_not_written_to(hub: LocalHub, mine: Path) -> None:
    snapshot = hfver.pull(REPO, hub=hub).path
    (snapshot / "templates" / "tool.txt").unlink()
    (snapshot / "templates").rmdir()
    (mine / "tool.txt").unlink()
    before = listing(mine)
    (snapshot / "templates").symlink_to(mine)
    with pytest.raises(UsageError, match="templates is a link"):
        hfver.pull(REPO, hub=hub)
    assert listing(mine) == before


def test_verify_sees_an_added_link_to_a_folder(hub: LocalHub, mine: Path, tmp_path: Path) -> None:
    target = hfver.pull(REPO, tmp_path / "model", hub=hub).path
    (target / "additional_chat_templates").symlink_to(mine)
    with pytest.raises(FileUnexpected, match="additional_chat_templates"):
        hfver.verify(str(target), hub=hub, force=True)


def test_verify_sees_an_added_link_to_a_folder_in_the_cache(hub: LocalHub, mine: Path) -> None:
    snapshot = hfver.pull(REPO, hub=hub).path
    (snapshot / "additional_chat_templates").symlink_to(mine)
    with pytest.raises(FileUnexpected, match="additional_chat_templates"):
        hfver.verify(str(snapshot), offline=True, force=True)
    hfver.verify(REPO, hub=hub, force=True)
    assert not (snapshot / "additional_chat_templates").is_symlink()


@pytest.mark.parametrize("what", ["config.json", "templates"])
@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("hops", [1, 2])
def test_verify_sees_what_was_replaced_by_an_outside_link(
    what: str, cached: bool, hops: int, hub: LocalHub, tmp_path: Path
) -> None:
    folder = hfver.pull(REPO, None if cached else tmp_path / "model", hub=hub).path
    elsewhere, between = tmp_path / "elsewhere", tmp_path / "between"
    (folder / what).resolve().rename(elsewhere)
    (folder / what).unlink(missing_ok=True)
    between.symlink_to(elsewhere)
    (folder / what).symlink_to(elsewhere if hops == 1 else between)
    with pytest.raises(FileUnexpected, match=f"{what} is a link"):
        hfver.verify(str(folder), offline=True, force=True)


def test_a_way_out_and_back_is_a_way_out(hub: LocalHub, tmp_path: Path) -> None:
    folder = hfver.pull(REPO, tmp_path / "model", hub=hub).path
    (tmp_path / "out").symlink_to(folder)
    (folder / "VERSION").unlink()
    (folder / "VERSION").symlink_to("../out/config.json")
    with pytest.raises(FileUnexpected, match="VERSION is a link"):
        hfver.verify(str(folder), offline=True)


def test_a_target_and_a_cache_may_be_reached_through_links(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("model", "hf-cache"):
        (tmp_path / f"disk-{name}").mkdir()
        (tmp_path / name).symlink_to(tmp_path / f"disk-{name}")
    folder = hfver.pull(REPO, tmp_path / "model", hub=hub).path
    assert hfver.verify(str(folder), hub=hub).evidence == "ledger"
    assert hfver.verify(REPO, hub=hub, force=True).version == "1.0.0"
