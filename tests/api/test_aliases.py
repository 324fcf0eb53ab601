"""A short name for a model works wherever a reference or a repo is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.api.references import expand_model, expand_reference, parse_repo
from hfver.cli import main
from hfver.errors import BadRef, Refused
from tests.api.conftest import REPO, write_folder

ALIASES = f'[models]\nbot = {{ repo = "{REPO}", spec = "~1.0" }}\nnewest = {{ repo = "{REPO}", spec = "~1.0" }}\n'


@pytest.fixture(autouse=True)
def _aliases(project: Path) -> None:
    (project / "hfver.toml").write_text(ALIASES)


def test_every_function_understands_them(hub: LocalHub, tmp_path: Path, project: Path) -> None:
    assert hfver.resolve("bot", hub=hub).version == "1.0.0"
    assert hfver.resolve("bot@latest", hub=hub).version == "1.1.0"
    assert hfver.show("bot@1.1.0", hub=hub).version == "1.1.0"
    assert hfver.pull("bot", hub=hub).release.version == "1.0.0"
    assert hfver.pull("bot@1.1.0", tmp_path / "pulled", hub=hub).release.version == "1.1.0"
    assert hfver.verify("bot", hub=hub).version == "1.0.0"
    assert not hfver.diff("bot", "bot@1.0.0", hub=hub).changes
    assert hfver.changelog("bot", hub=hub).count("\n## [") == 2
    assert [one.version for one in hfver.versions("bot", hub=hub).releases] == ["1.1.0", "1.0.0"]
    assert hfver.audit("bot", hub=hub).clean
    assert hfver.adopt("bot", dry_run=True, hub=hub).repo == REPO
    assert hfver.yank("bot@1.0.0", "Broken", hub=hub).version == "1.0.0"
    assert hfver.yank("bot@1.0.0", undo=True, hub=hub).yanked is None
    locked = hfver.lock("bot", hub=hub)
    assert [(one.repo, one.spec, one.version) for one in locked.lock.packages] == [(REPO, "~1.0", "1.0.0")]
    assert [one.repo for one in hfver.outdated(hub=hub).packages] == [REPO]
    assert hfver.resolve("bot", hub=hub).version == "1.0.0"
    with pytest.raises(Refused, match="no release satisfies .* at the same time"):
        hfver.lock("bot@1.1.0", hub=hub)
    (project / "hfver.toml").write_text("")
    assert hfver.lock(remove=[REPO], hub=hub).lock.packages == ()


def test_loading_by_an_alias(local_hub: LocalHub, chat_model: Path) -> None:
    hfver.release(chat_model, REPO, hub=local_hub, smoke="off")
    loaded = hfver.load("bot", hub=local_hub, device="cpu")
    assert (loaded.release.repo, loaded.release.version) == (REPO, "1.0.0")
    assert hfver.smoke_eval("bot", hub=local_hub, device="cpu").status == "passed"


def test_the_command_line_understands_them(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "bot", "--hub", str(hub.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == "1.0.0"
    assert main(["versions", "bot", "--hub", str(hub.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["repo"] == REPO


def test_a_policy_that_is_handed_over_brings_its_own(hub: LocalHub, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(f'[models]\nmine = {{ repo = "{REPO}" }}\n')
    assert hfver.resolve("mine", hub=hub, policy=other).version == "1.1.0"
    with pytest.raises(BadRef, match="'bot' is not a repo id"):
        hfver.resolve("bot", hub=hub, policy=other)


def test_a_name_that_is_neither_is_refused_with_what_is_near(project: Path) -> None:
    with pytest.raises(BadRef, match="'bott' is not a repo id") as caught:
        expand_reference("bott@1.0.0")
    assert "did you mean bot?" in caught.value.hint
    with pytest.raises(BadRef) as caught:
        parse_repo("completely-different")
    assert "(bot, newest)" in caught.value.hint
    with pytest.raises(BadRef, match="nothing after the '@'"):
        hfver.resolve("bot@")
    with pytest.raises(BadRef, match="'' is not a repo id"):
        hfver.resolve("")
    assert expand_model("gpt2") == "gpt2"
    assert expand_model("bot") == REPO


def test_settings_are_not_read_for_a_repo_id(project: Path) -> None:
    (project / "hfver.toml").write_text("broken")
    assert expand_reference("acme/bot@^1") == "acme/bot@^1"
    assert parse_repo("acme/bot") == "acme/bot"


def test_a_release_spells_its_repo(hub: LocalHub, tmp_path: Path) -> None:
    """Where something is created, a short name that a file defines is not enough."""
    with pytest.raises(BadRef, match="'bot' is not a repo id"):
        hfver.release(write_folder(tmp_path / "new", 3), "bot", hub=hub, smoke="off")
