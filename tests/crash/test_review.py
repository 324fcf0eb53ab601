"""A review is killed while it is opened and while it is finished: there is one pull request and one version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

from hfver.hub import Hub as Client
from tests.crash.checks import check_no_partial_version, check_one_version_added
from tests.crash.environment import TOKEN, Forks, Hub, checkpoint, snapshot
from tests.crash.selection import Kill, Pick, picks


class Reviews:
    """The same reviewed release again and again, each time with other weights."""

    def __init__(self, hub: Hub, forks: Forks, workdir: Path) -> None:
        self.hub, self.forks, self.workdir, self.repo = hub, forks, workdir, f"crash/{workdir.name}"
        self.api = HfApi(endpoint=hub.url, token=TOKEN)
        self.versions: list[str] = []

    def propose(self, run: int, **options: Any) -> Any:
        folder = str(self.workdir / f"checkpoint-{run}")
        return self._hfver("release", folder, "--repo", self.repo, "--review", "--smoke", "off", **options)

    def finish(self, number: int, **options: Any) -> Any:
        return self._hfver("release", "--finish", f"{self.repo}#{number}", **options)

    def _hfver(self, *arguments: str, **options: Any) -> Any:
        paths: dict[str, Any] = {"HF_TOKEN": TOKEN, "HFVER_CACHE": self.workdir / "memory"}
        return self.forks.run(*arguments, "--hub", self.hub.url, "--json", **paths, **options)

    def review(self, run: int, opening: Kill | None, ending: Kill | None) -> tuple[Any, Any]:
        """Open, merge and finish; both commands are killed if a point is given, and run again."""
        before = snapshot(checkpoint(self.workdir / f"checkpoint-{run}", run))
        opened = self.propose(run, **_at(opening))
        check_no_partial_version(self.hub, self.repo, self.versions, self.workdir) if self.versions else None
        again = self.propose(run) if opening else opened
        assert again.code == 0, again.stderr + again.stdout
        number = json.loads(again.stdout)["review"]["number"]
        (pull,) = self.api.get_repo_discussions(self.repo, discussion_type="pull_request", discussion_status="open")
        assert pull.num == number
        assert set(Client(self.hub.url, TOKEN).repo(self.repo).refs().branches) == {"main"}
        self.api.merge_pull_request(self.repo, number)
        finished = self.finish(number, **_at(ending))
        seen = check_no_partial_version(self.hub, self.repo, self.versions, self.workdir)
        again = self.finish(number) if ending else finished
        assert again.code == 0, again.stderr + again.stdout
        self.versions.insert(0, check_one_version_added(self.hub, self.repo, self.versions, self.workdir, seen=seen))
        events = self.api.get_discussion_details(self.repo, number).events
        assert sum(str(getattr(event, "content", "")).startswith("Published as") for event in events) == 1
        assert snapshot(self.workdir / f"checkpoint-{run}") == before
        return opened, finished


def _at(kill: Kill | None) -> dict[str, Any]:
    return {"at": kill[0], "torn": kill[1]} if kill else {}


@picks
def test_a_killed_review(hub: Hub, forks: Forks, workdir: Path, pick: Pick, capsys: pytest.CaptureFixture[str]) -> None:
    reviews = Reviews(hub, forks, workdir)
    reviews.review(0, None, None)
    opened, finished = reviews.review(1, None, None)
    openings, endings = (pick.kills(outcome.points, every=40) for outcome in (opened, finished))
    killed, run = 0, 2
    for number in range(max(len(openings), len(endings))):
        opening = openings[number] if number < len(openings) else None
        ending = endings[number] if number < len(endings) else None
        try:
            outcomes = reviews.review(run + number, opening, ending)
        except BaseException as error:
            error.add_note(f"opening killed at {opening}, finishing at {ending}")
            raise
        killed += sum(outcome.code < 0 for outcome in outcomes)
    with capsys.disabled():
        print(f"\n{len(opened.points)} + {len(finished.points)} points, {len(openings) + len(endings)} runs, {killed}")
    assert killed >= pick.enough(0.7, 0.5) * (len(openings) + len(endings))
