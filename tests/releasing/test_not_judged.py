"""Releases of models that the smoke eval cannot judge: let through and said, or refused where a verdict is required."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import DecisionTransformerConfig, DecisionTransformerModel
from typer.testing import CliRunner

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.cli.app import app
from hfver.errors import HubNotFound, SmokeFailed
from tests.model.smoke import tiny

REPO = "acme/planner"


@pytest.fixture
def planner(tmp_path: Path) -> Path:
    """Make a model that takes states of a game and rewards, which hfver cannot make up."""
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "n_layer": 1,
        "n_head": 2,
        "max_ep_len": 32,
        "state_dim": 3,
        "act_dim": 2,
    }
    config = DecisionTransformerConfig(**sizes, bos_token_id=None, eos_token_id=None)
    return tiny.save(DecisionTransformerModel(config), None, tmp_path / "planner")


def test_auto_lets_it_through_and_everyone_is_told(planner: Path, local_hub: LocalHub) -> None:
    run = CliRunner()
    done = run.invoke(app, ["release", str(planner), "--repo", REPO, "--hub", str(local_hub.path)])
    assert done.exit_code == 0, done.output
    assert "did not judge the model" in " ".join(done.output.split())
    shown = json.loads(run.invoke(app, ["show", REPO, "--hub", str(local_hub.path), "--json"]).stdout)
    assert (shown["smoke"]["status"], shown["smoke"]["verdict"]) == ("skipped", "not_judged")
    listed = run.invoke(app, ["versions", REPO, "--hub", str(local_hub.path)])
    assert "not judged" in " ".join(listed.output.split())
    card = (hfver.pull(REPO, hub=local_hub).path / "README.md").read_text()
    assert "Smoke eval: not judged" in card
    assert hfver.load(REPO, hub=local_hub, device="cpu", smoke=True).model is not None


def test_require_refuses_it_and_says_what_to_type(planner: Path, local_hub: LocalHub) -> None:
    with pytest.raises(SmokeFailed, match="did not judge the model.*it is required") as caught:
        hfver.release(planner, REPO, hub=local_hub, device="cpu", smoke="require")
    assert "--smoke auto" in caught.value.hint
    with pytest.raises(HubNotFound):
        hfver.versions(REPO, hub=local_hub)


def test_the_command_exits_with_1_only_where_a_verdict_is_required(
    planner: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["smoke", str(planner), "--device", "cpu", "--json"]
    assert main(asked) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "not_judged"
    assert main([*asked, "--require"]) == 1
