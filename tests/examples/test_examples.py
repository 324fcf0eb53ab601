"""Every program in ``examples/`` runs from a clean checkout, and the commands that the demo prints work as printed."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hfver

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PRINTS = {
    "release_from_trainer.py": "Released demo/tiny@1.0.0 at commit",
    "load_pinned.py": "demo/pinned@^1.0 is 1.1.0",
    "adapter.py": "Loaded: PeftModelForCausalLM, smoke eval passed",
}
LIBRARIES = {"scaffold.py", "pytest_fixture.py", "tiny_model.py"}  # the tutorial runs the last


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    # One thread: the models are tiny, and torch's waiting threads would slow down the tests that run in parallel.
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*map(str, command)], cwd=ROOT, env=one_thread, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done


def test_the_demo(tmp_path: Path) -> None:
    # One test, because everything here examines one run of the demo; the first, because that run takes longest.
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "left-over").touch()
    (tmp_path / ".hfver-demo").touch()
    printed = run(sys.executable, EXAMPLES / "demo" / "run.py", "--quick", "--dir", tmp_path).stdout
    assert not (tmp_path / "hub" / "left-over").exists()
    check_what_was_released_and_loaded(printed)
    check_lineage(tmp_path / "hub")
    look, load, serve = (shlex.split(line) for line in re.findall(r"^  # .*\n  (.*)$", printed, re.MULTILINE))
    assert {"1.0.0", "1.1.0"} <= set(run(*look).stdout.split())
    assert run(*load).stdout.strip()
    check_serving(serve)


def check_what_was_released_and_loaded(printed: str) -> None:
    assert re.search(r"demo/base@1\.0\.0 +demo/assistant@1\.0\.0 +demo/assistant@1\.1\.0", printed)
    assert re.search(r"bump +major +major +minor", printed)
    assert re.search(r"smoke eval +passed.* passed.* passed", printed)
    assert "is 1.1.0, commit" in printed


def check_lineage(hub: Path) -> None:
    base = hfver.resolve("demo/base@1.0.0", hub=hub)
    for version in ("1.0.0", "1.1.0"):
        pulled = hfver.pull(f"demo/assistant@{version}", hub=hub)
        lineage = (pulled.path / "lineage.yaml").read_text(encoding="utf-8")
        assert f"revision: {base.commit}" in lineage
        assert "eval_perplexity: " in lineage
        assert not (pulled.path / "training_args.bin").exists()


def check_serving(command: list[str]) -> None:
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        token = re.search(r"hf_\w+", process.stderr.readline())
        assert token is not None
        assert {"v1.0.0", "v1.1.0"} <= {tag["name"] for tag in tags(url, token[0])}
    finally:
        process.terminate()
        process.communicate(timeout=30)


def tags(url: str, token: str) -> list[dict[str, str]]:
    request = urllib.request.Request(  # noqa: S310  the URL is a server that this test started
        f"{url}/api/models/demo/assistant/refs", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        found: list[dict[str, str]] = json.load(answer)["tags"]
    return found


def test_every_example_is_run_here_and_listed_in_the_readme() -> None:
    programs = {path.name for path in EXAMPLES.glob("*.py")}
    assert programs == PRINTS.keys() | LIBRARIES
    index = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert [name for name in sorted(programs) if name not in index] == []


@pytest.mark.parametrize("name", PRINTS)
def test_example(name: str, tmp_path: Path) -> None:
    assert PRINTS[name] in run(sys.executable, EXAMPLES / name, "--hub", tmp_path / "hub").stdout
    assert list((tmp_path / "hub").iterdir())


def test_example_of_the_fixture() -> None:
    done = run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", EXAMPLES / "pytest_fixture.py")
    assert "2 passed" in done.stdout


def test_the_demo_deletes_no_folder_but_its_own(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    command = [sys.executable, str(EXAMPLES / "demo" / "run.py"), "--dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "was not made by this demo" in done.stderr
    assert (tmp_path / "thesis.txt").exists()


@pytest.fixture
def austen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(EXAMPLES / "demo"))
    yield importlib.import_module("austen")
    del sys.modules["austen"]


def test_training_data_is_the_same_every_time_and_holds_nothing_held_out(austen: Any, tmp_path: Path) -> None:
    first, second = austen.write(tmp_path / "a"), austen.write(tmp_path / "b")
    read = [path.read_text(encoding="utf-8").splitlines() for path in first]
    assert read == [path.read_text(encoding="utf-8").splitlines() for path in second]
    chapters, chapters_heldout, one_novel, both_novels, questions_heldout = map(set, read)
    assert one_novel < both_novels
    assert len(both_novels) > 1500
    assert not chapters & chapters_heldout
    assert not both_novels & questions_heldout
