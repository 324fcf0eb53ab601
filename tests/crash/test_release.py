"""A release is killed at every request that it sends and every file that it writes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.crash.checks import check_no_partial_version, check_one_version_added
from tests.crash.environment import TOKEN, Forks, Hub, checkpoint, snapshot, weight_sizes
from tests.crash.points import Point
from tests.crash.selection import Kill, Pick, picks

MAX_REQUEST_BYTES = 200_000
"""An upper bound of the bytes of all requests of a release, without the weights, which are more than twice as large.
The ledger is sent whole, and grows with each release of the sample."""


ATTEMPTS = 2
"""How often a run is killed at one point, until it is."""


class RepeatedRelease:
    """The same release again and again, each time with other weights and killed at another point.

    Args:
        hub: The Hub.
        forks: The fork server.
        workdir: The folder of the checkpoints.
        repo_of: Returns the repo of a run.
        options: Further options of the command.
    """

    def __init__(
        self, hub: Hub, forks: Forks, workdir: Path, repo_of: Callable[[int], str], options: Sequence[str] = ()
    ) -> None:
        self.hub, self.forks, self.workdir, self.repo_of, self.options = hub, forks, workdir, repo_of, options
        self.versions: dict[str, list[str]] = {}
        self.last: Point | None = None
        self._environment: dict[str, Any] = {
            "HF_TOKEN": TOKEN,
            "HFVER_CACHE": workdir / "memory",
            "HF_HUB_CACHE": workdir / "cache",
        }

    def command(self, run: int) -> list[str]:
        folder = str(self.workdir / f"checkpoint-{run}")
        repo = self.repo_of(run)
        return ["release", folder, "--repo", repo, "--hub", self.hub.url, "--smoke", "off", "--json", *self.options]

    def dry_run(self) -> list[Point]:
        """Make two releases without a kill, and return the points of the second."""
        for run in (0, 1):
            checkpoint(self.workdir / f"checkpoint-{run}", seed=run)
        time.sleep(2.1)  # the hash cache does not remember files that were just written
        assert self.forks.run(*self.command(0), **self._environment).code == 0
        self._end(0)
        outcome = self.forks.run(*self.command(1), **self._environment)
        assert outcome.code == 0, outcome.stderr
        self._end(1)
        return outcome.points

    def kill_and_finish(self, run: int, kill: Kill) -> bool:
        """Kill a release, check the repo, and run the command again; return whether it was killed."""
        folder, repo = self.workdir / f"checkpoint-{run}", self.repo_of(run)
        before, known = snapshot(folder), self.versions.get(repo, [])
        first = self.forks.run(*self.command(run), at=kill[0], torn=kill[1], **self._environment)
        self.last = first.points[-1]
        seen = check_no_partial_version(self.hub, repo, known, self.workdir)
        stored = self.hub.stored()
        again = self.forks.run(*self.command(run), **self._environment)
        assert again.code == 0, again.stderr
        lacking = sum(size for oid, size in weight_sizes(folder).items() if oid not in stored)
        assert json.loads(again.stdout)["bytes_sent"] <= lacking  # one more may have arrived since
        assert again.sent < lacking + MAX_REQUEST_BYTES
        self._end(run, seen=seen)
        assert snapshot(folder) == before
        return first.code < 0

    def _end(self, run: int, *, seen: bool = False) -> None:
        known = self.versions.setdefault(self.repo_of(run), [])
        known.insert(0, check_one_version_added(self.hub, self.repo_of(run), known, self.workdir, seen=seen))


def kill_everywhere(releases: RepeatedRelease, pick: Pick, capsys: pytest.CaptureFixture[str]) -> None:
    """Run once per point, and print the number of points."""
    points = releases.dry_run()
    chosen = pick.kills(points)
    runs = range(2, 2 + ATTEMPTS * len(chosen))
    for run in runs:
        checkpoint(releases.workdir / f"checkpoint-{run}", seed=run)
    killed, left = 0, iter(runs)
    for kill in chosen:
        try:
            # Threads take turns, so a run may end before it comes to a point of another run.
            killed += any(releases.kill_and_finish(next(left), kill) for _ in range(ATTEMPTS))
        except BaseException as error:
            error.add_note(f"killed {'within' if kill[1] else 'before'} {kill[0]}: {releases.last}")
            raise
    with capsys.disabled():
        print(f"\n{len(points)} points, {len(chosen)} runs, {killed} killed")
    assert killed >= pick.enough(0.8, 0.7) * len(chosen)


@picks
def test_a_killed_first_release(
    hub: Hub, forks: Forks, workdir: Path, pick: Pick, capsys: pytest.CaptureFixture[str]
) -> None:
    kill_everywhere(RepeatedRelease(hub, forks, workdir, lambda run: f"crash/{workdir.name}-{run}"), pick, capsys)


@picks
def test_a_killed_later_release(
    hub: Hub, forks: Forks, workdir: Path, pick: Pick, capsys: pytest.CaptureFixture[str]
) -> None:
    kill_everywhere(RepeatedRelease(hub, forks, workdir, lambda _: f"crash/{workdir.name}"), pick, capsys)
