"""Deprecated things still work, and say what to use instead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hfver.core.deprecation import HfverDeprecationWarning, warn_deprecated
from tests.conftest import MakeCheckpoint


def test_a_warning_names_the_replacement_the_version_and_the_caller() -> None:
    def old() -> None:
        warn_deprecated("hfver.old()", "hfver.new()", removed_in="0.3")

    with pytest.warns(HfverDeprecationWarning) as caught:
        old()
    assert (
        str(caught[0].message) == "hfver.old() is deprecated and will be removed in hfver 0.3; use hfver.new() instead."
    )
    assert caught[0].filename == __file__


def test_it_is_a_deprecation_warning_that_test_suites_know() -> None:
    with pytest.warns(DeprecationWarning):
        warn_deprecated("a", "b", removed_in="0.3")


def test_the_command_line_shows_it_on_standard_error(checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    info = tmp_path / "plug" / "acme-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[hfver.importers]\nacme = acme_runs:Runs\n")
    (info.parent / "acme_runs.py").write_text(
        "from hfver.model.lineage.record import Lineage\n"
        "class Runs:\n    strength = 1\n    def read(self, directory): return Lineage()\n"
    )
    # A child process: in this one, pytest's warning filters would decide what is shown.
    path = os.pathsep.join([str(info.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = ["release", str(checkpoint()), "--repo", "acme/bot", "--hub", str(tmp_path / "hub"), "--dry-run"]
    done = subprocess.run(
        [sys.executable, "-m", "hfver", *command, "--smoke", "off", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert json.loads(done.stdout)["version"] == "1.0.0"
    said = "warning: read(directory) of the lineage importer 'acme' is deprecated and will be removed in hfver 0.3;"
    assert said in done.stderr
