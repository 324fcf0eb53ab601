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


def test_two_releases_side_by_side(local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder, page = checkpoint(1), tmp_path / "page.html"
    hfver.release(folder, "acme/bot", hub=local_hub, device="cpu", smoke="off")
    edit_weights(folder, shift)
    hfver.release(folder, "acme/bot", hub=local_hub, device="cpu")
    both = ["acme/bot@1.1.0", "--against", "acme/bot@1.0.0", "--hub", local_hub.path, "--device", "cpu"]
    told = json.loads(run("smoke", *both, "--json", "--html", page))
    assert told["status"] == "passed"
    assert told["golden"]["numbers"] == "passed"
    against = told["against"]
    assert against["release"] == "acme/bot@1.0.0"
    assert against["comparison"]["numbers"] == "failed"
    assert against["comparison"]["blame"] == "the head"
    assert 0 < against["comparison"]["limit"] < against["kl"] < against["p99"]
    assert against["agreement"] < 1
    assert against["loss"] != against["loss_of_other"]
    assert against["outputs"]
    text = page.read_text()
    assert "acme/bot@1.1.0 against acme/bot@1.0.0" in text
    assert "to blame" in text
    assert "the head" in text
    shown = run("smoke", *both)
    assert "same most likely token" in shown


def shift(tensors: dict[str, Any]) -> None:
    import torch

    head = tensors["lm_head.weight"]
    head += 0.05 * torch.randn(head.shape, generator=torch.Generator().manual_seed(1))


def test_a_page_escapes_what_models_write(tmp_path: Path) -> None:
    from hfver.cli.rendering.side_by_side import write_page
    from hfver.core.smoke_report import SmokeReport
    from hfver.loading.against import SideBySide
    from hfver.model.smoke.golden.compare import Layers
    from hfver.model.smoke.golden.differences import Layer

    evil = "</td><script>alert(1)</script>\ud800"
    layer = Layer("failed", evil, evil)
    report = SmokeReport(status="passed", device="cpu", dtype="float32", checks=())
    write_page(SideBySide(evil, evil, report, Layers(layer, layer, layer), "folder", ((evil,) * 3,)), tmp_path / "page")
    assert "<script" not in (tmp_path / "page").read_text()


@pytest.mark.parametrize("options", [["--html", "page"], ["--against", "acme/bot@1", "--golden", "x"]])
def test_options_that_contradict_each_other(options: list[str]) -> None:
    assert "error:" in run("smoke", "acme/bot", *options, code=2)
