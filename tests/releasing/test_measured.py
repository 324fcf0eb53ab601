"""MINOR promises that what callers build on still stands; where nothing measured that, everything says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.core.policy import Policy
from hfver.core.version import Bump
from hfver.errors import PolicyViolation
from hfver.model.compare.difference import UNMEASURED
from tests.conftest import MakeCheckpoint, move_weights

REPO = "acme/bot"


@pytest.fixture
def folder(checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return checkpoint()


def release(folder: Path, hub: LocalHub, seed: int, **options: Any) -> hfver.Release:
    move_weights(folder, seed)
    return hfver.release(folder, REPO, hub=hub, **{"smoke": "off", **options})


def test_an_unmeasured_release_is_marked_everywhere(
    folder: Path, local_hub: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", local_hub.token)
    release(folder, local_hub, 1)
    made = release(folder, local_hub, 2)
    assert (made.bump, made.measured) == ("minor", ())
    assert hfver.show(REPO, hub=local_hub).to_json()["measured"] == []
    pulled = hfver.pull(REPO, hub=local_hub).path
    assert UNMEASURED in (pulled / "README.md").read_text()
    assert UNMEASURED in (pulled / "CHANGELOG.md").read_text()

    found = hfver.diff(f"{REPO}@1.0.0", f"{REPO}@1.1.0", hub=local_hub)
    assert found.is_unmeasured and found.to_json()["unmeasured"] is True
    for command in (["versions", REPO], ["show", REPO], ["diff", f"{REPO}@1.0.0", REPO]):
        capsys.readouterr()
        assert main([*command, "--hub", local_hub.url]) == 0
        assert "unmeasured" in capsys.readouterr().out.lower()


def test_a_smoke_eval_measures(folder: Path, local_hub: LocalHub) -> None:
    release(folder, local_hub, 1)
    made = release(folder, local_hub, 2, smoke="auto")
    assert made.measured == ("smoke",)
    found = hfver.diff(f"{REPO}@1.0.0", f"{REPO}@1.1.0", hub=local_hub)
    assert (found.level, found.measured, found.is_unmeasured) == (Bump.MINOR, ("smoke",), False)
    # A folder that was not released has been measured by nothing yet.
    move_weights(folder, 3)
    assert hfver.diff(REPO, str(folder), hub=local_hub).is_unmeasured


def test_only_metrics_with_a_budget_measure(folder: Path, local_hub: LocalHub, tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.json"
    metrics.write_text(json.dumps({"accuracy": 0.9, "loss": 0.1}))
    policy = Policy.model_validate({"metrics": {"accuracy": {"max_drop": 0.01}}})
    release(folder, local_hub, 1)
    assert release(folder, local_hub, 2, metrics=metrics).measured == ()
    assert release(folder, local_hub, 3, metrics=metrics, policy=policy).measured == ("metric:accuracy",)


def test_the_policy_can_refuse(folder: Path, local_hub: LocalHub) -> None:
    policy = Policy(unmeasured="refuse")
    release(folder, local_hub, 1, policy=policy)  # a first release is no MINOR
    with pytest.raises(PolicyViolation) as raised:
        release(folder, local_hub, 2, policy=policy)
    assert "unmeasured" in raised.value.message and "--allow unmeasured" in raised.value.hint
    assert [one.version for one in hfver.versions(REPO, hub=local_hub).releases] == ["1.0.0"]

    override = {"allow": ["unmeasured"], "because": "The evaluation cluster is down"}
    made = release(folder, local_hub, 2, policy=policy, **override)
    assert made.version == "1.1.0" and made.manifest is not None
    assert (made.manifest.allowed, made.manifest.because) == (("unmeasured",), "The evaluation cluster is down")
    assert release(folder, local_hub, 3, policy=policy, smoke="auto").version == "1.2.0"


def test_what_moves_nothing_needs_no_measurement(folder: Path, local_hub: LocalHub) -> None:
    release(folder, local_hub, 1)
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()), indent=7))
    made = hfver.release(folder, REPO, hub=local_hub, smoke="off", policy=Policy(unmeasured="refuse"))
    assert made.bump == "patch"
    assert UNMEASURED not in (hfver.pull(REPO, hub=local_hub).path / "CHANGELOG.md").read_text()
