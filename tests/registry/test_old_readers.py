"""Old hfver reads what this one writes: hfver 0.1, from its wheel, works in a repo that this version released to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from tests.conftest import MakeCheckpoint

WHEEL = Path(__file__).parents[1] / "fixtures" / "hfver-0.1.0-py3-none-any.whl"
REPO = "acme/bot"

# One process for all commands: most of the time of each would go into importing.
PROGRAM = """
import contextlib, io, json, sys
import hfver
from hfver.cli import main
results = []
for command in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*command, "--json"])
    results.append({"command": command, "code": code, "out": out.getvalue(), "err": err.getvalue()})
print(json.dumps({"file": hfver.__file__, "version": hfver.__version__, "results": results}))
"""


@dataclass(frozen=True)
class OldHfver:
    """hfver 0.1, unpacked: it starts its own files as programs, which a zip archive does not allow."""

    folder: Path
    environment: dict[str, str]

    def run(self, *commands: list[str], cwd: Path, code: int = 0) -> list[Any]:
        """Run commands in one process; each must exit with a code and print one JSON object, which is returned."""
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, json.dumps(commands)],
            capture_output=True,
            text=True,
            check=True,
            cwd=cwd,
            env=self.environment,
        )
        answer = json.loads(done.stdout)
        assert Path(answer["file"]).is_relative_to(self.folder)
        assert answer["version"] == "0.1.0"
        for result in answer["results"]:
            assert result["code"] == code, result
        return [json.loads(result["out"]) for result in answer["results"]]


@pytest.fixture(params=["a machine that never saw the repo", "the machine that released"])
def old(request: pytest.FixtureRequest, local_hub: LocalHub, tmp_path: Path) -> OldHfver:
    folder = tmp_path / "hfver-0.1.0"
    with zipfile.ZipFile(WHEEL) as wheel:
        wheel.extractall(folder)
    environment = {**os.environ, "PYTHONPATH": str(folder), "HF_ENDPOINT": local_hub.url, "HF_TOKEN": local_hub.token}
    if request.param == "a machine that never saw the repo":
        environment.update(HFVER_CACHE=str(tmp_path / "fresh"), HF_HOME=str(tmp_path / "fresh-home"))
    return OldHfver(folder, environment)


def test_0_1_works_in_a_repo_of_this_version(
    old: OldHfver, local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    # By its address, as 0.1 knows it: a lock names the Hub, and would name the folder of an embedded one otherwise.
    hub: Any = {"hub": local_hub.url, "token": local_hub.token}
    hfver.release(checkpoint(), REPO, message="First", **hub)  # with a smoke eval, whose result goes into the ledger
    second = hfver.release(checkpoint(1), REPO, message="Second", smoke="off", **hub)
    hfver.release(checkpoint(2, extra=True), REPO, pre="rc", smoke="off", **hub)
    hfver.yank(f"{REPO}@1.0.0", "Answers in French", **hub)
    hfver.lock(f"{REPO}@^1", path=tmp_path / "hfver.lock", **hub)

    model = str(tmp_path / "model")
    listed, shown, pulled, by_ledger, audited, synced, logged = old.run(
        ["versions", REPO],
        ["show", f"{REPO}@^1"],
        ["pull", f"{REPO}@^1", model],
        ["verify", model],
        ["audit", REPO],
        ["sync", "--frozen"],
        ["changelog", REPO],
        cwd=tmp_path,
    )
    assert [(row["version"], row["yanked"]) for row in listed["releases"]] == [
        ("2.0.0-rc.1", None),
        ("1.1.0", None),
        ("1.0.0", "Answers in French"),
    ]
    assert {one["digest"] for one in (shown, pulled, by_ledger)} == {second.digest}
    assert by_ledger["evidence"] == "ledger"
    assert audited["clean"] is True
    assert [package["version"] for package in synced["packages"]] == ["1.1.0"]
    assert "Second" in logged["changelog"]

    # It cannot read the list of tensors that it would compare with: it says so, and does not call that tampering.
    release = ["release", str(checkpoint(3)), "--repo", REPO, "-m", "By 0.1", "--smoke", "off"]
    before = HfApi(local_hub.url, token=local_hub.token).list_repo_refs(REPO)
    (refused,) = old.run(release, cwd=tmp_path, code=3)
    assert "schema 2" in refused["error"]["message"] and "--upgrade hfver" in refused["error"]["hint"]
    assert HfApi(local_hub.url, token=local_hub.token).list_repo_refs(REPO) == before

    yanked, unyanked = old.run(
        ["yank", f"{REPO}@1.1.0", "--reason", "by 0.1"],
        ["yank", f"{REPO}@1.1.0", "--undo"],
        cwd=tmp_path,
    )
    assert (yanked["yanked"], unyanked["yanked"]) == ("by 0.1", None)

    # And this version goes on where 0.1 left off.
    assert hfver.audit(REPO, **hub).clean
    assert hfver.release(checkpoint(4), REPO, smoke="off", **hub).version == "1.2.0"
    assert hfver.verify(f"{REPO}@1.2.0", **hub).evidence == "ledger"
