"""A yank is killed: it is in the ledger completely or not at all, and only once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import hfver
from tests.crash.checks import check_no_partial_version, fresh_reader
from tests.crash.environment import TOKEN, Forks, Hub, checkpoint
from tests.crash.selection import Pick, picks


@picks
def test_a_yank_and_its_undoing(
    hub: Hub, forks: Forks, workdir: Path, pick: Pick, capsys: pytest.CaptureFixture[str]
) -> None:
    repo, paths = f"crash/{workdir.name}", dict[str, Any](HF_TOKEN=TOKEN, HFVER_CACHE=workdir / "memory")
    known = ["1.1.0", "1.0.0"]
    for seed, version in enumerate(reversed(known)):
        folder = checkpoint(workdir / version, seed)
        with fresh_reader(workdir):
            hfver.release(folder, repo, version=version, hub=hub.url, token=TOKEN, smoke="off")

    def yank(run: int, **options: Any) -> Any:
        words = ["--undo"] if run % 2 else ["--reason", f"run {run}"]
        return forks.run("yank", f"{repo}@1.0.0", *words, "--hub", hub.url, **paths, **options)

    points, killed = [yank(run).points for run in (0, 1, 2)][-1], 0
    chosen = pick.kills(points, every=3)
    for run, (at, torn) in enumerate(chosen, 3):
        first = yank(run, at=at, torn=torn)
        killed += first.code < 0
        check_no_partial_version(hub, repo, known, workdir)
        again = yank(run)
        assert again.code == 0, again.stderr
        with fresh_reader(workdir):
            found = hfver.resolve(f"{repo}@1.0.0", hub=hub.url, token=TOKEN)
        assert found.yanked == (None if run % 2 else f"run {run}")
    with fresh_reader(workdir):
        audit = hfver.audit(repo, hub=hub.url, token=TOKEN)
    assert audit.clean
    with capsys.disabled():
        print(f"\n{len(points)} points, {len(chosen)} runs, {killed} killed")
    assert killed >= pick.enough(0.8, 0.6) * len(chosen)
