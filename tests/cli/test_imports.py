"""What a command does not need it does not import: a list of versions reads no manifest and no lock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import hfver
from hfver.api.hubs import LocalHub
from tests.api.conftest import REPO, write_folder

MODELS = {
    "hfver.core.manifest",
    "hfver.core.lockfile",
    "hfver.core.policy",
    "hfver.core.settings",
    "hfver.model",
    "hfver.registry.resolve",
    "hfver.registry.signing",
    "numpy",
    "torch",
    "transformers",
    "git",
    "jinja2",
}


def test_versions_on_a_warm_machine(local_hub: LocalHub, tmp_path: Path) -> None:
    hfver.release(write_folder(tmp_path / "folder"), REPO, hub=local_hub, smoke="off")
    program = (
        f"import sys; from hfver.cli import main; code = main(['versions', {REPO!r}, '--hub', {local_hub.url!r}]);"
        f"found = {MODELS!r} & sys.modules.keys();"
        "sys.exit(code or (f'imported: {found}' if found else 0))"
    )
    environment = {**os.environ, "HF_TOKEN": local_hub.token}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert "1.0.0" in done.stdout
