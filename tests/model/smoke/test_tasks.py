"""Smoke tasks of others, found by entry point."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hfver.errors import PluginError
from hfver.model.smoke import SmokeTask, find_task, run_smoke

TASK = """
from hfver.model.smoke import TaskResult
from hfver.model.smoke.check import check

def run(loaded):
    return TaskResult([check("own", lambda: f"{loaded.dtype} will do.")], 12.5)
"""

IDLE = """
from hfver.model.smoke import TaskResult
from hfver.model.smoke.check import CheckSkipped, check

def skip():
    raise CheckSkipped("It does not apply.")

def run(loaded):
    return TaskResult(RESULT)
"""


def install(folder: Path, patch: pytest.MonkeyPatch, code: str) -> None:
    """Put a package with one smoke task on the path, as pip would."""
    (folder / "acme_task.py").write_text(code)
    info = folder / "acme_smoke-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-smoke\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hfver.smoke_tasks]\nacme-task = acme_task\n")
    patch.syspath_prepend(folder)
    patch.delitem(sys.modules, "acme_task", raising=False)


def test_every_built_in_task_is_registered() -> None:
    for tag in (
        "text-generation",
        "fill-mask",
        "text-classification",
        "feature-extraction",
        "sentence-similarity",
    ):
        assert isinstance(find_task(tag), SmokeTask)
    assert find_task("no-such-task") is None
    assert find_task(None) is None


def test_a_task_of_another_package_runs(
    healthy: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, TASK)
    report = run_smoke(healthy["encoder"], device="cpu", pipeline_tag="acme-task")
    assert ("own", "passed", "float32 will do.") in [(c.name, c.status, c.detail) for c in report.checks]
    assert report.tokens_per_second == 12.5
    assert report.status == "passed"  # a check that passed says that the model ran: the first Protocol has no other way


@pytest.mark.parametrize("result", ["[], was_run=False", '[check("own", skip)]'])
def test_a_task_of_another_package_that_ran_nothing_judges_nothing(
    healthy: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: str
) -> None:
    install(tmp_path, monkeypatch, IDLE.replace("RESULT", result))
    report = run_smoke(healthy["encoder"], device="cpu", pipeline_tag="acme-task")
    assert report.status == "not_judged"


def test_a_task_that_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "import a_library_that_is_not_there")
    with pytest.raises(PluginError, match="acme-task.*a_library_that_is_not_there") as caught:
        find_task("acme-task")
    assert "acme-smoke" in caught.value.hint


def test_a_task_without_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "answer = 42")
    with pytest.raises(PluginError, match="acme-task"):
        find_task("acme-task")


def test_a_task_declares_the_protocol_it_was_written_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, f"PROTOCOL_VERSION = 1\n{TASK}")
    assert isinstance(find_task("acme-task"), SmokeTask)


def test_a_task_for_a_later_hfver_says_to_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, f"PROTOCOL_VERSION = 2\n{TASK}")
    with pytest.raises(PluginError, match="acme-task.*version 2 of its Protocol; this hfver has version 1") as caught:
        find_task("acme-task")
    assert "Upgrade hfver" in caught.value.hint
