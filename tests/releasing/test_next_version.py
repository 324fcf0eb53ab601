"""The next version: the change decides, the user may choose a higher one, and a lower one needs a reason."""

from __future__ import annotations

import json
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.errors import PolicyViolation, ReleaseExists
from tests.conftest import MakeCheckpoint, move_weights

REPO = "acme/bot"


@pytest.fixture
def folder(checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint, in a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    return checkpoint()


def release(folder: Path, hub: LocalHub, **options: Any) -> Any:
    return hfver.release(folder, REPO, hub=hub, **({"smoke": "off"} | options))


def edit(folder: Path, name: str, **changes: Any) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def lines(hub: LocalHub) -> list[dict[str, Any]]:
    pulled = hfver.pull(f"{REPO}@{hfver.versions(REPO, hub=hub).releases[0].version}", hub=hub)
    return [json.loads((pulled.path / ".hfver/manifest.json").read_text())]


def changelog(hub: LocalHub, version: str) -> str:
    return (hfver.pull(f"{REPO}@{version}", hub=hub).path / "CHANGELOG.md").read_text()


def test_the_change_decides(local_hub: LocalHub, folder: Path) -> None:
    assert release(folder, local_hub).version == "1.0.0"
    edit(folder, "config.json", transformers_version="5.0.0")
    assert release(folder, local_hub).version == "1.0.1"
    edit(folder, "generation_config.json", temperature=0.3, do_sample=True)
    assert release(folder, local_hub).version == "1.1.0"
    move_weights(folder, 1)
    assert release(folder, local_hub).version == "1.2.0"
    edit(folder, "generation_config.json", eos_token_id=5)
    assert release(folder, local_hub).version == "2.0.0"
    text = changelog(local_hub, "2.0.0")
    assert text.index("## [2.0.0]") < text.index("### Breaking") < text.index("## [1.2.0]")
    assert "of the weights changed" in changelog(local_hub, "1.2.0")
    (commit, *_) = HfApi(endpoint=local_hub.url, token=local_hub.token).list_repo_commits(REPO, revision="v2.0.0")
    assert commit.title == "Release 2.0.0"
    assert "Breaking:\n- " in commit.message


def test_a_lower_level_needs_a_reason_which_is_recorded(local_hub: LocalHub, folder: Path) -> None:
    release(folder, local_hub)
    assert "libraries" not in lines(local_hub)[0]  # it was compared with nothing
    edit(folder, "generation_config.json", eos_token_id=5)
    with pytest.raises(PolicyViolation, match="MAJOR") as caught:
        release(folder, local_hub, bump="minor")
    assert "--because" in caught.value.hint
    with pytest.raises(PolicyViolation):
        release(folder, local_hub, version="1.1.0")
    done = release(folder, local_hub, bump="minor", because="nobody stops on it")
    assert done.version == "1.1.0"
    assert done.because == "nobody stops on it"
    assert "nobody stops on it" in changelog(local_hub, "1.1.0")
    assert lines(local_hub)[0]["because"] == "nobody stops on it"
    assert lines(local_hub)[0]["libraries"] == {name: installed(name) for name in ("tokenizers", "transformers")}


def test_a_higher_level_needs_no_reason(local_hub: LocalHub, folder: Path) -> None:
    release(folder, local_hub)
    move_weights(folder, 1)
    done = release(folder, local_hub, bump="major")
    assert (done.version, done.because) == ("2.0.0", None)


def test_below_1_0_0_a_breaking_change_raises_the_minor_number(local_hub: LocalHub, folder: Path) -> None:
    assert release(folder, local_hub, version="0.1.0").version == "0.1.0"
    move_weights(folder, 1, extra=True)
    assert release(folder, local_hub).version == "0.2.0"


def test_a_prerelease_line(local_hub: LocalHub, folder: Path) -> None:
    assert release(folder, local_hub, pre="rc").version == "1.0.0-rc.1"
    move_weights(folder, 1)
    assert release(folder, local_hub, pre="rc").version == "1.0.0-rc.2"
    assert release(folder, local_hub).version == "1.0.0"
    move_weights(folder, 2)
    assert release(folder, local_hub, pre="rc").version == "1.1.0-rc.1"
    with pytest.raises(ReleaseExists, match=r"1\.1\.0-rc\.1"):
        release(folder, local_hub, pre="rc", message="another command")
    move_weights(folder, 3)
    assert release(folder, local_hub, pre="rc").version == "1.1.0-rc.2"
    assert hfver.resolve(REPO, hub=local_hub).version == "1.0.0"
    assert release(folder, local_hub).version == "1.1.0"


def test_a_new_card_can_be_published_on_purpose(local_hub: LocalHub, folder: Path) -> None:
    release(folder, local_hub)
    (folder / "README.md").write_text("# Bot\n\nNow with a word about its limits.\n")
    with pytest.raises(ReleaseExists, match="Nothing changed"):
        release(folder, local_hub, message="docs")
    done = release(folder, local_hub, bump="patch")
    assert done.version == "1.0.1"
    assert "word about its limits" in (hfver.pull(REPO, hub=local_hub).path / "README.md").read_text()


def test_a_metric_beyond_its_budget_is_refused(local_hub: LocalHub, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "hfver.toml").write_text("[metrics.accuracy]\nmax_drop = 0.01\nmin = 0.5\n")
    figures = tmp_path / "metrics.json"
    figures.write_text('{"accuracy": 0.4}')
    with pytest.raises(PolicyViolation, match=r"accuracy is 0\.4, below its minimum 0\.5"):
        release(folder, local_hub, metrics=figures)
    figures.write_text('{"accuracy": 0.8}')
    release(folder, local_hub, metrics=figures)
    move_weights(folder, 1)
    figures.write_text('{"accuracy": 0.7}')
    with pytest.raises(PolicyViolation, match=r"from 0\.8 to 0\.7"):
        release(folder, local_hub, metrics=figures)
    done = release(folder, local_hub, metrics=figures, because="smaller and faster")
    assert done.version == "2.0.0"
    text = changelog(local_hub, "2.0.0")
    assert "| accuracy | 0.8 | 0.7 | -0.1 |" in text
    assert "smaller and faster" in text


def test_a_repo_can_change_the_level_of_rules(local_hub: LocalHub, folder: Path, tmp_path: Path) -> None:
    release(folder, local_hub)
    (tmp_path / "hfver.toml").write_text('[rules]\nweights = "major"\n')
    move_weights(folder, 1)
    assert release(folder, local_hub).version == "2.0.0"
    assert lines(local_hub)[0]["levels"] == {"weights": "major"}


def test_diff_of_releases_and_folders(local_hub: LocalHub, folder: Path) -> None:
    release(folder, local_hub)
    same = hfver.diff(f"{REPO}@1.0.0", f"{REPO}@1.0.0", hub=local_hub)
    assert (same.level, same.changes) == (None, ())
    move_weights(folder, 1)
    moved = hfver.diff(f"{REPO}@1.0.0", str(folder), hub=local_hub)
    assert moved.to_json()["level"] == "minor"
    assert "weights" in {change.rule for change in moved.changes}
    release(folder, local_hub)
    between = hfver.diff(f"{REPO}@1.0.0", f"{REPO}@1.1.0", hub=local_hub)
    assert between.level == "minor"
    assert {change["rule"] for change in between.to_json()["changes"]} >= {"weights", "docs"}


def test_diff_of_a_commit_that_hfver_did_not_make(local_hub: LocalHub, folder: Path) -> None:
    from huggingface_hub import CommitOperationAdd, HfApi

    release(folder, local_hub)
    client = HfApi(endpoint=local_hub.url, token=local_hub.token)
    config = json.loads((folder / "config.json").read_text()) | {"transformers_version": "5.1.0"}
    client.create_branch(REPO, branch="by-hand", revision="v1.0.0")
    made = client.create_commit(
        REPO,
        [
            CommitOperationAdd("config.json", json.dumps(config).encode()),
            CommitOperationAdd("notes.txt", b"x"),
        ],
        commit_message="by hand",
        revision="by-hand",
    )
    from huggingface_hub import CommitOperationDelete

    bare = client.create_commit(
        REPO, [CommitOperationDelete(".hfver/", is_folder=True)], commit_message="bare", revision="by-hand"
    )
    assert made.oid
    found = hfver.diff(f"{REPO}@1.0.0", f"{REPO}@{bare.oid}", hub=local_hub)
    assert {change.rule for change in found.changes} >= {"metadata"}
    assert "weights" not in {change.rule for change in found.changes}


def test_comparing_releases_downloads_no_weights(local_hub: LocalHub, folder: Path, requests: list[str]) -> None:
    release(folder, local_hub)
    move_weights(folder, 1)
    release(folder, local_hub)
    requests.clear()
    hfver.diff(f"{REPO}@1.0.0", f"{REPO}@1.1.0", hub=local_hub)
    assert not [request for request in requests if request.endswith("model.safetensors")]
