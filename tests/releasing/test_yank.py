"""Yanking a release, and undoing that."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.errors import BadRef, HubNotFound, UsageError
from tests.conftest import MakeCheckpoint

REPO = "acme/bot"


@pytest.fixture
def hub(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> LocalHub:
    """A Hub with 1.0.0 and 1.1.0 of one repo."""
    for seed, version in enumerate(("1.0.0", "1.1.0"), 1):
        hfver.release(checkpoint(seed), REPO, version=version, hub=local_hub, smoke="off")
    return local_hub


def on_main(hub: LocalHub, path: str) -> str:
    api = HfApi(endpoint=hub.url, token=hub.token)
    return Path(api.hf_hub_download(REPO, path, force_download=True)).read_text()


def test_ranges_skip_a_yanked_release(hub: LocalHub) -> None:
    assert hfver.yank(f"{REPO}@1.1.0", "answers in French", hub=hub).yanked == "answers in French"
    assert hfver.resolve(f"{REPO}@^1", hub=hub).version == "1.0.0"
    assert hfver.resolve(REPO, hub=hub).version == "1.0.0"
    assert [(row.version, row.yanked) for row in hfver.versions(REPO, hub=hub).releases] == [
        ("1.1.0", "answers in French"),
        ("1.0.0", None),
    ]


def test_an_exact_version_still_loads_with_a_warning(hub: LocalHub, tmp_path: Path) -> None:
    commit = hfver.yank(f"{REPO}@1.1.0", "answers in French", hub=hub).commit
    with pytest.warns(UserWarning, match="acme/bot@1.1.0 was yanked: answers in French"):
        assert hfver.pull(f"{REPO}@1.1.0", tmp_path / "out", hub=hub).release.version == "1.1.0"
    with pytest.warns(UserWarning, match="answers in French"):
        hfver.pull(f"{REPO}@{commit}", hub=hub)
    for target in (f"{REPO}@1.1.0", str(tmp_path / "out")):
        with pytest.warns(UserWarning, match="answers in French"):
            hfver.verify(target, hub=hub)


def test_a_range_with_only_yanked_releases_names_one(hub: LocalHub) -> None:
    hfver.yank(f"{REPO}@1.1.0", "answers in French", hub=hub)
    with pytest.raises(HubNotFound, match="1.1.0 was yanked: answers in French") as caught:
        hfver.resolve(f"{REPO}@~1.1", hub=hub)
    assert f"{REPO}@1.1.0" in caught.value.hint


def test_undo(hub: LocalHub) -> None:
    hfver.yank(f"{REPO}@1.1.0", "answers in French", hub=hub)
    assert hfver.yank(f"{REPO}@1.1.0", undo=True, hub=hub).yanked is None
    assert hfver.resolve(f"{REPO}@^1", hub=hub).version == "1.1.0"
    assert on_main(hub, "VERSION") == "1.1.0\n"
    assert "Yanked versions" not in on_main(hub, "README.md")


def test_main_shows_the_newest_release_that_is_not_yanked(hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    hfver.yank(f"{REPO}@1.1.0", "answers in French", hub=hub)
    assert on_main(hub, "VERSION") == "1.0.0\n"
    assert "1.1.0: answers in French" in on_main(hub, "README.md")
    hfver.yank(f"{REPO}@1.0.0", "so does this", hub=hub)
    assert on_main(hub, "README.md").count("Yanked versions") == 1
    assert "1.0.0: so does this" in on_main(hub, "README.md")
    released = hfver.release(checkpoint(3), REPO, hub=hub, smoke="off")
    assert on_main(hub, "VERSION") == f"{released.version}\n"
    assert "1.1.0: answers in French" in on_main(hub, "README.md")
    assert hfver.verify(f"{REPO}@{released.version}", hub=hub).version == released.version


def test_the_same_yank_again_writes_nothing(hub: LocalHub) -> None:
    hfver.yank(f"{REPO}@1.1.0", "answers in French", hub=hub)
    api = HfApi(endpoint=hub.url, token=hub.token)
    head = api.repo_info(REPO).sha
    assert hfver.yank(f"{REPO}@1.1.0", "answers in French", hub=hub).note == "yanked already; nothing was written"
    assert hfver.yank(f"{REPO}@1.0.0", undo=True, hub=hub).note == "not yanked; nothing was written"
    assert api.repo_info(REPO).sha == head


def test_what_is_refused(hub: LocalHub) -> None:
    with pytest.raises(UsageError, match="needs a reason"):
        hfver.yank(f"{REPO}@1.1.0", "  ", hub=hub)
    with pytest.raises(UsageError, match="characters"):
        hfver.yank(f"{REPO}@1.1.0", "x" * 501, hub=hub)
    with pytest.raises(BadRef, match="a different release tomorrow"):
        hfver.yank(f"{REPO}@^1", "x", hub=hub)
    with pytest.raises(HubNotFound):
        hfver.yank(f"{REPO}@9.0.0", "x", hub=hub)
    with pytest.raises(HubNotFound):
        hfver.yank(f"{REPO}@{'0' * 40}", "x", hub=hub)


def test_the_command(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["yank", f"{REPO}@1.1.0", "--reason", "answers in French", "--hub", hub.url]) == 4
    assert main(["yank", f"{REPO}@1.1.0", "--reason", "answers in French", "--hub", str(hub.path)]) == 0
    assert "answers in French" in capsys.readouterr().out
    assert main(["yank", f"{REPO}@1.1.0", "--undo", "--json", "--hub", str(hub.path)]) == 0
    assert '"yanked": null' in capsys.readouterr().out


def test_control_characters_in_a_reason_are_not_printed(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    hfver.yank(f"{REPO}@1.0.0", "\x1b[2Jgone [link=http://localhost]here[/link]", hub=hub)
    assert main(["versions", REPO, "--hub", str(hub.path)]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "[link=http://localhost]here" in said
