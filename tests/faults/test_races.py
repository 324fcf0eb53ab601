"""Many processes release to one repo: each gets its own version or a clear error, and no release is lost."""

from __future__ import annotations

import multiprocessing
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.version import tag_of
from hfver.hub import Hub
from hfver.registry.state import read_state
from tests.faults import race_workers
from tests.faults.conftest import TOKEN, write_checkpoint

RACERS = 8
Race = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def race() -> Iterator[Race]:
    """Run a function in eight processes at the same time, each with its own arguments."""
    with ProcessPoolExecutor(RACERS, multiprocessing.get_context("spawn")) as pool:
        wait = time.time() + 3
        list(pool.map(race_workers.remember, range(RACERS), [wait] * RACERS))

        def run(function: Callable[..., Any], *arguments: Any) -> list[Any]:
            return list(pool.map(function, *arguments, timeout=200))

        yield run


def releases(race: Race, hub: LocalHub, repo: str, folders: list[Path], **options: Any) -> list[tuple[str, str]]:
    many, at = len(folders), time.time() + 0.3
    return race(race_workers.release, folders, *([value] * many for value in (repo, hub.url, TOKEN, at, options)))


def check_repo(hub: LocalHub, repo: str, monkeypatch: pytest.MonkeyPatch, memory: Path) -> list[str]:
    """Check the repo from a machine without memory of it; return its versions in the order of the ledger."""
    monkeypatch.setenv("HFVER_CACHE", str(memory))
    state = read_state(Hub(hub.url, TOKEN).repo(repo))
    versions = [str(entry.version) for entry in state.ledger.entries]
    assert dict(state.refs.tags) == {tag_of(entry.version): entry.commit for entry in state.ledger.entries}
    assert set(state.refs.branches) == {"main"}
    for version in versions:
        assert hfver.resolve(f"{repo}@{version}", hub=hub.url, token=TOKEN).version == version
    folder = hub.path / "repos" / "models" / f"{repo}.git"
    merges = subprocess.run(["git", "-C", folder, "rev-list", "--merges", "main"], check=True, capture_output=True)
    assert merges.stdout == b""
    fsck = subprocess.run(["git", "-C", folder, "fsck", "--strict"], check=True, capture_output=True)
    assert b"error" not in fsck.stdout + fsck.stderr
    return versions


def test_different_changes_all_become_versions(
    race: Race, busy_hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All release at once to a repo that does not exist yet, while a plain client commits to its main."""
    repo, folders = "acme/race", [write_checkpoint(tmp_path / f"made-{number}") for number in range(RACERS)]
    over, api = threading.Event(), HfApi(busy_hub.url, token=TOKEN)
    others: list[str] = []

    def commit() -> None:
        while not over.wait(0.2):
            if api.repo_exists(repo):
                note = CommitOperationAdd("notes.txt", str(time.time_ns()).encode())
                others.append(api.create_commit(repo, [note], commit_message="A note").oid)

    writer = threading.Thread(target=commit)
    writer.start()
    try:
        outcomes = releases(race, busy_hub, repo, folders)
    finally:
        over.set()
        writer.join()
    versions = check_repo(busy_hub, repo, monkeypatch, tmp_path / "fresh")
    assert sorted(version for version, _ in outcomes) == sorted(versions) == sorted(f"1.{n}.0" for n in range(RACERS))
    history = [one.commit_id for one in api.list_repo_commits(repo)]
    assert others and set(others) <= set(history)


def test_the_same_content_becomes_one_version(
    race: Race, busy_hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write_checkpoint(tmp_path / "made")
    outcomes = releases(race, busy_hub, "acme/same", [made] * RACERS)
    assert check_repo(busy_hub, "acme/same", monkeypatch, tmp_path / "fresh") == ["1.0.0"]
    notes = [note for version, note in outcomes if version == "1.0.0"]
    assert "" in notes  # more than one if two manifests have the same time: then they are the same commit
    refused = [name for name, _ in outcomes if name != "1.0.0"]
    assert set(refused) <= {"ReleaseExists", "Conflict"} and len(notes) + len(refused) == RACERS


def test_one_release_gets_a_fixed_version(
    race: Race, busy_hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [write_checkpoint(tmp_path / name) for name in ("one", "other")]
    outcomes = releases(race, busy_hub, "acme/fixed", folders, version="2.0.0")
    assert check_repo(busy_hub, "acme/fixed", monkeypatch, tmp_path / "fresh") == ["2.0.0"]
    winner, loser = sorted(outcomes)
    assert winner == ("2.0.0", "") and loser[0] in ("Conflict", "ReleaseExists")


def test_memory_is_never_torn(race: Race) -> None:
    at = time.time() + 0.3
    assert race(race_workers.remember, range(RACERS), [at] * RACERS) == [0] * RACERS
