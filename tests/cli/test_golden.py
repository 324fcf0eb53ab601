"""``hfver golden`` and ``hfver smoke --golden``, as users type them."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli.entry import main
from tests.conftest import MakeCheckpoint
from tests.model.smoke.edits import edit_weights, randomize


def run(*arguments: Any, code: int = 0) -> str:
    """Run a command as its users do, and return what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert main([str(one) for one in arguments]) == code, err.getvalue()
    return out.getvalue() if code in (0, 1) else err.getvalue()


def test_the_two_halves_by_hand(checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder, golden = checkpoint(), tmp_path / "golden"
    told = json.loads(run("golden", "capture", folder, "-o", golden, "--device", "cpu", "--json"))
    assert told["source"] == "folder"
    assert told["path"] == str(golden)
    report = json.loads(run("smoke", folder, "--golden", golden, "--device", "cpu", "--json"))
    assert report["status"] == "passed"
    assert set(report["golden"]) == {"source", "words", "forms", "numbers", "kl", "limit", "blame"}
    assert report["golden"] | {"kl": 0, "limit": 0} == {
        "source": "folder",
        "words": "passed",
        "forms": "passed",
        "numbers": "passed",
        "kl": 0,
        "limit": 0,
        "blame": None,
    }
    edit_weights(folder, randomize("lm_head.weight", 0.5))
    report = json.loads(run("smoke", folder, "--golden", golden, "--device", "cpu", "--json", code=1))
    assert report["status"] == "failed"
    assert report["golden"]["numbers"] == "failed"
    assert report["golden"]["blame"] == "the head"
    assert report["golden"]["kl"] > report["golden"]["limit"]
    broken = next(check for check in report["checks"] if check["name"] == "golden-numbers")
    assert set(broken) == {"name", "status", "detail", "hint"}
    assert "capture it again" in broken["hint"]


def test_without_golden_the_key_is_null(checkpoint: MakeCheckpoint) -> None:
    assert json.loads(run("smoke", checkpoint(), "--device", "cpu", "--json"))["golden"] is None


def test_it_is_shown(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    hfver.release(checkpoint(), "acme/bot", hub=local_hub, device="cpu")
    shown = " ".join(run("golden", "show", "acme/bot", "--hub", local_hub.path).split())
    assert "LlamaForCausalLM in float32 on cpu" in shown
    assert "own prompts not in it" in shown
    assert "float16" in shown
    told = json.loads(run("golden", "show", "acme/bot", "--hub", local_hub.path, "--json"))
    assert told["expected"][0]["next"][0].keys() == {"id", "token", "logprob"}


@pytest.mark.parametrize("arguments", [["golden", "show", "/nowhere"], ["golden", "capture", "/nowhere", "-o", "x"]])
def test_a_folder_that_does_not_exist(arguments: list[str]) -> None:
    assert "not a folder" in run(*arguments, code=2)
