"""Failed smoke checks that a release allows by name, with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.manifest import MANIFEST
from hfver.errors import BadConfig, HubNotFound, SmokeFailed
from tests.conftest import MakeCheckpoint
from tests.model.smoke.edits import edit_weights

REPO = "acme/bot"
WHY = "Its users render prompts themselves."


@pytest.fixture
def broken(checkpoint: MakeCheckpoint) -> Path:
    """Make a model whose chat template cannot be rendered."""
    folder = checkpoint()
    (folder / "chat_template.jinja").write_text("{{ messages[99].content.nothing }}")
    return folder


def test_an_allowed_check_warns_and_the_reason_is_kept(broken: Path, local_hub: LocalHub) -> None:
    with pytest.raises(SmokeFailed, match="chat-template") as caught:
        hfver.release(broken, REPO, hub=local_hub, device="cpu", because="a reason alone overrides nothing")
    assert "--allow chat-template" in caught.value.hint
    said: list[str] = []
    done = hfver.release(
        broken,
        REPO,
        hub=local_hub,
        device="cpu",
        smoke="require",
        allow=["chat-template"],
        because=WHY,
        say=said.append,
    )
    assert done.smoke is not None and done.smoke.status == "warned"
    assert any("chat-template failed" in line for line in said)
    folder = hfver.pull(REPO, hub=local_hub).path
    manifest = json.loads((folder / MANIFEST).read_bytes())
    assert (manifest["allowed"], manifest["because"]) == (["chat-template"], WHY)
    assert (manifest["smoke"]["status"], manifest["smoke"]["verdict"]) == ("passed", "warned")
    assert WHY.rstrip(".") in (folder / "README.md").read_text()
    (listed,) = hfver.versions(REPO, hub=local_hub).releases
    assert listed.smoke is not None and listed.smoke.in_words.startswith("warned")


def without_head(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["lm_head.weight"]


def test_every_other_check_still_holds(broken: Path, local_hub: LocalHub) -> None:
    folder = edit_weights(broken, without_head)
    with pytest.raises(SmokeFailed, match="keys: ") as caught:
        hfver.release(folder, REPO, hub=local_hub, device="cpu", allow=["chat-template"], because=WHY)
    assert "--allow keys" in caught.value.hint
    assert "chat-template" not in caught.value.message


def test_an_unknown_check_is_refused_before_anything_is_written(
    checkpoint: MakeCheckpoint, local_hub: LocalHub
) -> None:
    with pytest.raises(BadConfig, match="no check is called 'chat-tempalte'") as caught:
        hfver.release(checkpoint(), REPO, hub=local_hub, device="cpu", allow=["chat-tempalte"], because=WHY)
    assert "chat-template" in caught.value.hint
    with pytest.raises(HubNotFound):
        hfver.versions(REPO, hub=local_hub)


def test_what_did_not_fail_is_not_recorded_as_allowed(checkpoint: MakeCheckpoint, local_hub: LocalHub) -> None:
    hfver.release(checkpoint(), REPO, hub=local_hub, device="cpu", allow=["chat-template"], because=WHY)
    assert b"allowed" not in (hfver.pull(REPO, hub=local_hub).path / MANIFEST).read_bytes()


def test_a_model_that_cannot_run_is_not_judged_whatever_is_allowed(
    checkpoint: MakeCheckpoint, local_hub: LocalHub
) -> None:
    folder = checkpoint()
    (folder / "config.json").write_text("{}")
    with pytest.raises(SmokeFailed, match="did not judge"):
        hfver.release(
            folder, REPO, hub=local_hub, device="cpu", smoke="require", allow=["loads"], because=WHY, version="1.0.0"
        )
