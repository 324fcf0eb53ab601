"""``hfver diff --witness`` and ``hfver.diff(witness=…)`` on real folders: the scripts run as plain Python programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.errors import UsageError
from tests.conftest import MakeCheckpoint
from tests.model.compare.witness.running import run
from tests.model.smoke import tiny


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two real checkpoints: the second has another tokenizer, template, size and end of text."""
    root = tmp_path_factory.mktemp("folders")
    found = []
    for name, template, size in (("a", tiny.CHATML, 300), ("b", tiny.CHATML.replace("<|im_start|>", "<<"), 320)):
        tokenizer = tiny.byte_tokenizer(chat_template=template, size=size)
        found.append(tiny.save(tiny.llama(tokenizer), tokenizer, root / name))
    return found[0], found[1]


def test_the_scripts_run_without_hfver(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = folders
    out = tmp_path / "witnesses"
    assert main(["diff", str(old), str(new), "--witness", str(out), "--json"]) == 0
    changes = json.loads(capsys.readouterr().out)["changes"]
    majors = [change for change in changes if change["level"] == "major"]
    assert {change["rule"] for change in majors} >= {"token-ids", "chat-template", "vocab-size"}
    assert all("witness" not in change for change in changes if change["level"] != "major")
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["README.md", *(change["witness"]["file"] for change in majors)]
    )
    # Isolated from the environment, so that hfver of this checkout cannot be imported by accident.
    template = next(change["witness"]["file"] for change in majors if change["rule"] == "chat-template")
    codes = []
    for folder in (old, new, tmp_path / "missing"):
        environment = {"PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            [sys.executable, "-I", str(out / template), str(folder)], capture_output=True, text=True, env=environment
        )
        codes.append(done.returncode)
        if done.returncode == 1:
            assert "rendered as" in done.stdout and "<<" in done.stdout
    assert codes == [0, 1, 2]
    assert "hfver" not in "".join(line for line in (out / template).read_text().splitlines() if "import" in line)


def test_releases_on_a_hub_get_witnesses_without_their_weights(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    folder = checkpoint()
    hfver.release(folder, "acme/bot", hub=local_hub, smoke="off")
    kept = Path(shutil.copytree(folder, tmp_path / "kept"))
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"hidden_act": "gelu"}))
    hfver.release(folder, "acme/bot", hub=local_hub, smoke="off")
    found = hfver.diff("acme/bot@1.0.0", "acme/bot@2.0.0", hub=local_hub, witness=tmp_path / "out")
    [witness] = [change.witness for change in found.changes if change.witness]
    assert witness.file
    codes = [run(tmp_path / "out" / witness.file, side).code for side in (kept, folder)]
    assert codes == [0, 1]


def test_people_see_the_witness(folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", *map(str, folders), "--witness", str(tmp_path / "out")]) == 0
    assert "Witness: 01-" in " ".join(capsys.readouterr().out.split())


def test_a_compared_folder_gets_no_scripts(folders: tuple[Path, Path]) -> None:
    before = sorted(folders[0].iterdir())
    with pytest.raises(UsageError, match="which is compared"):
        hfver.diff(*map(str, folders), witness=folders[0] / "inside")
    assert sorted(folders[0].iterdir()) == before
