"""A release that is killed: at every request that it makes, and at every file that it writes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.crash.checks import check_nothing_half, check_whole
from tests.crash.picking import Kill, Pick, picks
from tests.crash.points import Point
from tests.crash.scene import TOKEN, Forks, Hub, checkpoint, look, sizes

SMALL_TALK = 100_000
"""More bytes than all requests of a release together, without the weights."""


class Story:
    """The same release over and over, each time of other weights and killed elsewhere.

    Args:
        hub: Where to.
        forks: Who runs the command.
        room: Where the folders are.
        repo_of: Names the repo of a run.
        options: More options of the command.
    """

    def __init__(
        self, hub: Hub, forks: Forks, room: Path, repo_of: Callable[[int], str], options: Sequence[str] = ()
    ) -> None:
        self.hub, self.forks, self.room, self.repo_of, self.options = hub, forks, room, repo_of, options
        self.versions: dict[str, list[str]] = {}
        self.last: Point | None = None
        self._environment: dict[str, Any] = {
            "HF_TOKEN": TOKEN,
            "HFVER_CACHE": room / "memory",
            "HF_HUB_CACHE": room / "cache",
        }

    def command(self, run: int) -> list[str]:
        folder = str(self.room / f"checkpoint-{run}")
        repo = self.repo_of(run)
        return ["release", folder, "--repo", repo, "--hub", self.hub.url, "--smoke", "off", "--json", *self.options]

    def dry_run(self) -> list[Point]:
        """Let two releases through, the second to see where the points are."""
        for run in (0, 1):
            checkpoint(self.room / f"checkpoint-{run}", seed=run)
        time.sleep(2.1)  # what was written just now is not remembered by the cache of hashes
        assert self.forks.run(*self.command(0), **self._environment).code == 0
        self._end(0)
        outcome = self.forks.run(*self.command(1), **self._environment)
        assert outcome.code == 0, outcome.stderr
        self._end(1)
        return outcome.points

    def tell(self, run: int, kill: Kill) -> bool:
        """Kill a release, look at what is there, and run the command again; tells whether it was killed."""
        folder, repo = self.room / f"checkpoint-{run}", self.repo_of(run)
        before, known = look(folder), self.versions.get(repo, [])
        first = self.forks.run(*self.command(run), at=kill[0], torn=kill[1], **self._environment)
        self.last = first.points[-1]
        seen = check_nothing_half(self.hub, repo, known, self.room)
        stored = self.hub.stored()
        again = self.forks.run(*self.command(run), **self._environment)
        assert again.code == 0, again.stderr
        lacking = sum(size for oid, size in sizes(folder).items() if oid not in stored)
        assert json.loads(again.stdout)["bytes_sent"] <= lacking  # one more may have arrived since we looked
        assert again.sent < lacking + SMALL_TALK
        self._end(run, seen=seen)
        assert look(folder) == before
        return first.code < 0

    def _end(self, run: int, *, seen: bool = False) -> None:
        known = self.versions.setdefault(self.repo_of(run), [])
        known.insert(0, check_whole(self.hub, self.repo_of(run), known, self.room, seen=seen))


def tell_all(story: Story, pick: Pick, capsys: pytest.CaptureFixture[str]) -> None:
    """Tell the story once per point, and say how many there were."""
    points = story.dry_run()
    chosen = pick.kills(points)
    for number in range(len(chosen)):
        checkpoint(story.room / f"checkpoint-{number + 2}", seed=number + 2)
    killed = 0
    for number, kill in enumerate(chosen):
        try:
            killed += story.tell(number + 2, kill)
        except BaseException as error:
            error.add_note(f"killed {'within' if kill[1] else 'before'} {kill[0]}: {story.last}")
            raise
    with capsys.disabled():
        print(f"\n{len(points)} points, {len(chosen)} runs, {killed} killed")
    assert killed >= pick.enough(0.8, 0.7) * len(chosen)


@picks
def test_a_first_release(hub: Hub, forks: Forks, room: Path, pick: Pick, capsys: pytest.CaptureFixture[str]) -> None:
    tell_all(Story(hub, forks, room, lambda run: f"crash/{room.name}-{run}"), pick, capsys)


@picks
def test_a_later_release(hub: Hub, forks: Forks, room: Path, pick: Pick, capsys: pytest.CaptureFixture[str]) -> None:
    tell_all(Story(hub, forks, room, lambda _: f"crash/{room.name}"), pick, capsys)
