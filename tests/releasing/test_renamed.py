"""Releases and other lines around a rename: nothing that is appended makes a repo unreadable."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.ledger import Ledger, Line
from hfver.core.manifest import LEDGER
from hfver.errors import LedgerBroken, Refused
from hfver.hub import Hub
from hfver.registry.append import LedgerUpdate, append
from hfver.registry.state import read_state
from tests.building import bare_repo, build_releases
from tests.hostile.checkpoints import config, model

OLD, NEW, WRONG = "acme/old", "acme/new", "mallory/elsewhere"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return model(tmp_path / "model")


@pytest.fixture
def moved(local_hub: LocalHub, folder: Path) -> LocalHub:
    """A repo with a release, moved, and the move recorded."""
    hfver.release(folder, OLD, hub=local_hub, smoke="off", allow=["no-tokenizer"], because="a test")
    api(local_hub).move_repo(OLD, NEW)
    hfver.adopt(NEW, renamed_from=OLD, hub=local_hub)
    config(folder, initializer_range=0.5)
    return local_hub


@pytest.fixture
def forget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "another machine"))


def api(hub: LocalHub) -> HfApi:
    return HfApi(hub.url, token=hub.token)


def put(hub: LocalHub, repo: str, *lines: Line) -> None:
    """Append well-chained lines as a program other than hfver would."""
    state = read_state(Hub(hub.url, hub.token).repo(repo))
    ledger = state.ledger
    for line in lines:
        ledger = ledger.append(line)
    api(hub).upload_file(repo_id=repo, path_in_repo=LEDGER, path_or_fileobj=ledger.raw)


def rename(to: str) -> Line:
    return Line(event="rename", repo=to, date=datetime(2026, 11, 1, tzinfo=UTC), author="mallory")


def yank(repo: str, version: str = "1.0.0") -> Line:
    date = datetime(2026, 11, 1, tzinfo=UTC)
    return Line(event="yank", repo=repo, version=version, reason="x", date=date, author="ci")


@pytest.mark.parametrize("options", [{}, {"dry_run": True}, {"review": True}, {"version": "3.0.0"}])
def test_a_release_under_a_former_name_is_refused(
    options: dict[str, object], moved: LocalHub, folder: Path, forget: Callable[[], None]
) -> None:
    with pytest.raises(Refused, match=f"{OLD} is called {NEW} now") as caught:
        hfver.release(folder, OLD, hub=moved, smoke="off", allow=["no-tokenizer"], because="a test", **options)  # type: ignore[arg-type]
    assert caught.value.hint.endswith(f"hfver release DIR --repo {NEW}")
    forget()
    for name in (OLD, NEW):
        assert [release.version for release in hfver.versions(name, hub=moved).releases] == ["1.0.0"]
    hfver.release(folder, NEW, hub=moved, smoke="off", allow=["no-tokenizer"], because="a test")
    assert hfver.audit(NEW, hub=moved).clean
    assert hfver.audit(OLD, hub=moved).clean


def test_a_ledger_with_a_line_under_a_former_name_is_readable(
    moved: LocalHub, folder: Path, forget: Callable[[], None]
) -> None:
    put(moved, NEW, yank(OLD))
    forget()
    for name in (OLD, NEW):
        assert hfver.versions(name, hub=moved).releases[0].yanked == "x"
    hfver.yank(f"{NEW}@1.0.0", undo=True, hub=moved)
    released = hfver.release(folder, NEW, hub=moved, smoke="off", allow=["no-tokenizer"], because="a test")
    assert hfver.resolve(f"{NEW}@{released.version}", hub=moved).repo == NEW
    assert hfver.audit(NEW, hub=moved).clean
    state = read_state(Hub(moved.url, moved.token).repo(NEW))
    assert [line.repo for line in state.ledger.lines] == [OLD, NEW, OLD, NEW, NEW]


@pytest.mark.parametrize("other", [WRONG, "acme/newer"])
def test_a_name_that_the_ledger_never_had_is_refused(other: str) -> None:
    line = Line.model_validate(yank(OLD).model_dump())
    ledger = Ledger.empty().append(line).append(rename(NEW)).append(yank(other))
    with pytest.raises(LedgerBroken, match=f"line 3 is about {other}"):
        Ledger.decode(ledger.raw, NEW)
    early = Ledger.empty().append(line).append(yank(NEW)).append(rename(NEW))
    with pytest.raises(LedgerBroken, match=f"line 2 is about {NEW}"):
        Ledger.decode(early.raw, NEW)


@pytest.mark.parametrize("copied", [False, True])
def test_the_way_back_from_a_wrong_rename(
    copied: bool, local_hub: LocalHub, folder: Path, forget: Callable[[], None]
) -> None:
    build_releases(local_hub, OLD, 2)
    put(local_hub, OLD, rename(WRONG))
    if copied:  # so that the wrong name is that of a repo with the same releases
        api(local_hub).create_repo(WRONG)
        target = bare_repo(local_hub, WRONG)
        fetch = ["git", "-C", str(target), "fetch", "-q", "--force", str(bare_repo(local_hub, OLD)), "+refs/*:refs/*"]
        subprocess.run(fetch, check=True)
    forget()
    assert hfver.resolve(f"{OLD}@1.0.0", hub=local_hub).version == "1.0.0"
    report = hfver.audit(OLD, hub=local_hub)
    assert [finding.error for finding in report.findings] == ["ReleaseReplayed"]
    back = f"hfver adopt {OLD} --renamed-from {WRONG}"
    assert back in report.findings[0].hint
    with pytest.raises(Refused, match=f"says that it is called {WRONG} now") as caught:
        hfver.release(folder, OLD, hub=local_hub, smoke="off", allow=["no-tokenizer"], because="a test")
    assert back in caught.value.hint
    hfver.adopt(OLD, renamed_from=WRONG, hub=local_hub)
    hfver.adopt(OLD, renamed_from=WRONG, hub=local_hub)
    forget()
    assert hfver.audit(OLD, hub=local_hub).clean
    hfver.release(folder, OLD, hub=local_hub, smoke="off", allow=["no-tokenizer"], because="a test")
    state = read_state(Hub(local_hub.url, local_hub.token).repo(OLD))
    assert [line.event for line in state.ledger.lines] == ["release", "release", "rename", "rename", "release"]


@pytest.mark.parametrize(
    "bad",
    [
        yank(WRONG),
        yank(OLD, "1.0"),
        yank(OLD).model_copy(update={"reason": "x" * 2_000_000}),
        Line(event="release", repo=OLD, version="9.0.0", date=datetime(2026, 11, 1, tzinfo=UTC), author="x"),
    ],
    ids=["another repo", "a malformed version", "too long", "a release without a commit"],
)
def test_what_readers_would_refuse_is_not_appended(bad: Line, local_hub: LocalHub) -> None:
    build_releases(local_hub, OLD, 1)
    state = read_state(Hub(local_hub.url, local_hub.token).repo(OLD))
    with pytest.raises(Refused, match="othing was appended"):
        append(state, lambda _: LedgerUpdate([bad], "Break the ledger"))
    assert hfver.versions(OLD, hub=local_hub).releases
    assert read_state(state.repo).refs.main == state.refs.main
