"""Each way to break a model is caught by the check that names it; one test is one broken model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from hfver.model.smoke import run_smoke
from tests.model.smoke.broken import WITHOUT_REFERENCE, Broken

JUDGED = {"weights-whole", "weights-finite", "norms", "dtype", "tied", "keys", "chat-template", "stops"}
JUDGED |= {"own-settings", "depends-on-input", "loss", "ids-fit", "forward", "loads"}
JUDGED |= {"special-tokens", "tokenizer-round-trip"}
"""The checks that are held to the list; the breaks of the others wait for theirs."""
HELD = [broken for broken in WITHOUT_REFERENCE if broken.check in JUDGED]
SEVERITY = {"passed": 0, "warned": 1, "failed": 2}


QUICK = 8
"""Every how manieth break is tried in each run of the tests: a model is loaded and run for each."""


def each_break() -> list[Any]:
    return [
        pytest.param(broken, id=broken.name, marks=() if number % QUICK == 0 else pytest.mark.more)
        for number, broken in enumerate(HELD)
    ]


@pytest.mark.parametrize("broken", each_break())
def test_caught_by_the_check_that_names_it(
    broken: Broken, healthy: dict[str, Path], chat_tuned: Path, tmp_path: Path
) -> None:
    source = chat_tuned if broken.model == "chat" else healthy[broken.model]
    folder = Path(shutil.copytree(source, tmp_path / "model"))
    broken.edit(folder)
    report = run_smoke(folder, device="cpu")
    found = {check.name: check for check in report.checks}
    named = found[broken.check]
    assert SEVERITY.get(named.status, 0) >= SEVERITY[broken.status], named.detail
    assert named.detail
    assert report.status in ("warned", "failed")


def test_an_adapter_that_does_nothing(healthy: dict[str, Path], adapter: Path, tmp_path: Path) -> None:
    """PEFT starts with zeros in every lora_B; an adapter that was saved from the wrong process still has them."""
    folder = Path(shutil.copytree(adapter, tmp_path / "adapter"))
    path = folder / "adapter_model.safetensors"
    save_file({name: t.zero_() if "lora_B" in name else t for name, t in load_file(path).items()}, path)
    report = run_smoke(folder, device="cpu", base_directory=healthy["llama"])
    (found,) = [check for check in report.failures if check.name == "adapter"]
    assert "does nothing" in found.detail
    assert "Train the adapter" in found.hint
