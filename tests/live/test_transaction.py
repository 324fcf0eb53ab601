"""Whole transactions of hfver: releases of every kind, review, yank, adoption, a move, a lock, writers at once."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import hfver
from hfver.errors import Refused, ReleaseExists
from tests.live.checkpoints import LARGE, add_large, write_model, write_pickled, write_sharded
from tests.live.target import Target
from tests.server.tools import file_line, lfs_line


def release(target: Target, folder: Path, repo: str, **options: Any) -> hfver.Release:
    return hfver.release(folder, repo, smoke="off", **target.place, **options)


def listed(target: Target, repo: str) -> list[str | None]:
    return [one.version for one in reversed(hfver.versions(repo, **target.place).releases)]


def audit_is_clean(target: Target, repo: str) -> bool:
    audit = hfver.audit(repo, lock=False, **target.place)
    problems = [*audit.findings, *(finding for verdict in audit.verdicts for finding in verdict.findings)]
    assert problems == []
    return {verdict.status for verdict in audit.verdicts} <= {"ok", "yanked"}


def test_releases_of_every_kind(target: Target, tmp_path: Path, memory: Callable[[str], None]) -> None:
    repo = target.name("releases")
    plan = release(target, write_model(tmp_path / "model"), repo, dry_run=True)
    assert (plan.version, plan.commit) == ("1.0.0", "")
    first = release(target, tmp_path / "model", repo, message="The first")
    assert first.version == "1.0.0"
    again = release(target, tmp_path / "model", repo, message="The first")
    assert again.commit == first.commit  # the same command again publishes nothing
    with pytest.raises(ReleaseExists):
        release(target, tmp_path / "model", repo, message="A second")
    second = release(target, write_model(tmp_path / "model"), repo)
    large = release(target, add_large(write_model(tmp_path / "model")), repo)
    # The large file was a tokenizer; these have none again, which has to be said.
    without: dict[str, Any] = {"allow": ["no-tokenizer"], "because": "The weights are what is tried here"}
    sharded = release(target, write_sharded(tmp_path / "sharded"), repo, **without)
    converted = release(target, write_pickled(tmp_path / "pickled"), repo, convert=True)
    made = [first, second, large, sharded, converted]
    memory("second")  # a machine that has seen none of this
    assert listed(target, repo) == [one.version for one in made]
    pulled = hfver.pull(f"{repo}@{large.version}", tmp_path / "pulled", lock=False, **target.place)
    for name in ("tokenizer.json", "training notes.txt", "training data.bin", "model.safetensors"):
        assert (pulled.path / name).is_file(), name
    assert (pulled.path / "tokenizer.json").stat().st_size > LARGE
    for one in made:
        assert hfver.verify(f"{repo}@{one.version}", **target.place)
        assert hfver.resolve(f"{repo}@{one.version}", lock=False, **target.place).commit == one.commit
    assert (tmp_path / "pulled" / "model.safetensors").read_bytes() == (
        tmp_path / "model/model.safetensors"
    ).read_bytes()
    assert audit_is_clean(target, repo)


def test_git_clones_the_files_of_a_release(target: Target, tmp_path: Path) -> None:
    repo = target.name("clone")
    done = release(target, add_large(write_model(tmp_path / "model")), repo)
    clone = tmp_path / "clone"
    lfs = ("filter.lfs.smudge=git-lfs smudge -- %f", "filter.lfs.process=git-lfs filter-process")
    options = [part for setting in (*lfs, "filter.lfs.required=true") for part in ("-c", setting)]
    target.git(repo, tmp_path, *options, "clone", "-q", "-b", str(done.tag), f"{target.endpoint}/{repo}", str(clone))
    for name in ("tokenizer.json", "training notes.txt", "training data.bin", "model.safetensors", "config.json"):
        assert (clone / name).read_bytes() == (tmp_path / "model" / name).read_bytes(), name
    status = subprocess.run(
        ["git", *options, "status", "--short"], cwd=clone, capture_output=True, text=True, check=True
    )
    assert status.stdout == ""


def test_review_with_a_release_between(target: Target, tmp_path: Path) -> None:
    repo = target.name("review")
    release(target, write_model(tmp_path / "one"), repo)
    for turn in ("two", "three"):
        folder = write_model(tmp_path / turn)
        proposed = release(target, folder, repo, review=True)
        assert proposed.review
        number = int(proposed.review.url.rpartition("/")[2])
        between = release(target, write_model(tmp_path / f"between-{turn}"), repo)
        again = release(target, folder, repo, review=True)
        assert again.review
        assert again.review.url == proposed.review.url  # the same pull request, on top of the new main
        with pytest.raises(Refused):
            hfver.finish(f"{repo}#{number}", **target.place)
        if target.api.get_discussion_details(repo, number).status == "draft":
            target.api.change_discussion_status(repo, number, "open")
        target.api.merge_pull_request(repo, number)
        finished = hfver.finish(f"{repo}#{number}", **target.place)
        assert listed(target, repo)[-2:] == [between.version, finished.version]
        assert hfver.finish(f"{repo}#{number}", **target.place).commit == finished.commit
    assert audit_is_clean(target, repo)


def test_a_yank_and_its_undoing(target: Target, tmp_path: Path, memory: Callable[[str], None]) -> None:
    repo = target.name("yank")
    first = release(target, write_model(tmp_path / "model"), repo)
    second = release(target, write_model(tmp_path / "model"), repo)
    hfver.yank(f"{repo}@{second.version}", "It forgets things", **target.place)
    memory("second")
    assert hfver.resolve(f"{repo}@*", lock=False, **target.place).version == first.version
    assert hfver.resolve(f"{repo}@{second.version}", lock=False, **target.place).commit == second.commit
    assert audit_is_clean(target, repo)
    hfver.yank(f"{repo}@{second.version}", undo=True, **target.place)
    assert hfver.resolve(f"{repo}@*", lock=False, **target.place).version == second.version
    assert audit_is_clean(target, repo)


def test_adoption_of_tags_that_hfver_did_not_make(target: Target, tmp_path: Path) -> None:
    repo = target.create("adopt")
    for version in ("1.0.0", "1.1.0"):
        folder = write_model(tmp_path / version)
        weights = (folder / "model.safetensors").read_bytes()
        oid = target.upload(repo, weights)
        config = file_line("config.json", (folder / "config.json").read_bytes())
        commit = target.commit(repo, config, lfs_line("model.safetensors", oid, size=len(weights)))
        assert target.tag(repo, f"v{version}", commit, f"Version {version}").is_success
    adopted = hfver.adopt(repo, **target.place).adopted
    assert [one.version for one in adopted] == ["1.0.0", "1.1.0"]
    after = release(target, write_model(tmp_path / "next"), repo)
    assert listed(target, repo) == ["1.0.0", "1.1.0", after.version]
    hfver.pull(f"{repo}@1.0.0", tmp_path / "pulled", lock=False, **target.place)
    assert (tmp_path / "pulled/model.safetensors").read_bytes() == (tmp_path / "1.0.0/model.safetensors").read_bytes()
    assert audit_is_clean(target, repo)


def test_a_repo_that_moves(target: Target, tmp_path: Path, memory: Callable[[str], None]) -> None:
    old, new = target.name("before"), target.name("after")
    first = release(target, write_model(tmp_path / "model"), old)
    target.api.move_repo(old, new)
    hfver.adopt(new, renamed_from=old, **target.place)
    second = release(target, write_model(tmp_path / "model"), new)
    memory("second")
    assert listed(target, new) == [first.version, second.version]
    assert hfver.pull(f"{new}@{first.version}", lock=False, **target.place).release.commit == first.commit
    assert audit_is_clean(target, new)


def test_a_lock_and_what_it_syncs(target: Target, tmp_path: Path, memory: Callable[[str], None]) -> None:
    repo = target.name("lock")
    first = release(target, write_model(tmp_path / "model"), repo)
    path = tmp_path / "hfver.lock"
    locked = hfver.lock(f"{repo}@^1", path=path, **target.place)
    assert [change.after for change in locked.changes] == [first.version]
    second = release(target, write_model(tmp_path / "model"), repo)
    memory("second")
    ((_, folder),) = hfver.sync(path=path, **target.place).folders
    assert (folder / "model.safetensors").is_file()
    assert hfver.resolve(f"{repo}@^1", lock=path, **target.place).version == first.version
    assert str(second.version) in str(hfver.outdated(path=path, **target.place))
    assert hfver.lock(path=path, upgrade=True, **target.place).changes[0].after == second.version


def test_writers_at_once(target: Target, tmp_path: Path) -> None:
    repo = target.name("writers")
    release(target, write_model(tmp_path / "first"), repo)
    folders = [write_model(tmp_path / f"writer-{number}") for number in range(3)]
    with ThreadPoolExecutor(len(folders)) as pool:
        done = list(pool.map(lambda folder: release(target, folder, repo), folders))
    assert len({one.commit for one in done}) == len(folders)
    assert listed(target, repo) == ["1.0.0", *sorted(str(one.version) for one in done)]
    assert audit_is_clean(target, repo)
