"""Reads that lag behind writes for seconds. Here, lag and pauses are a tenth of what they are in the wild."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.errors import HfverError
from tests.conftest import MakeCheckpoint
from tests.faults.conftest import TOKEN, write_checkpoint
from tests.faults.lag import Lag
from tests.faults.proxy import Proxy, answer

SECONDS = 0.6


@pytest.fixture
def lag(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Lag:
    lag = Lag(SECONDS)
    proxy.on(".", lag, times=None)
    monkeypatch.setenv("HFVER_HTTP_PAUSE", "0.05")  # of 0.5; 0.8 to 1.6 seconds in all
    return lag


def forget(tmp_path: Path) -> None:
    """Make this a machine without memory."""
    shutil.rmtree(tmp_path / "hfver-cache", ignore_errors=True)


def options(proxy: Proxy) -> dict[str, Any]:
    return {"hub": proxy.url, "token": TOKEN}


@pytest.mark.more
@pytest.mark.parametrize("memory", [True, False])
def test_a_machine_releases_and_yanks_in_a_row(proxy: Proxy, lag: Lag, tmp_path: Path, *, memory: bool) -> None:
    repo, folder = f"acme/lag-{memory}".lower(), write_checkpoint(tmp_path / "out")
    made = []
    for _ in range(3):
        made.append(hfver.release(write_checkpoint(folder), repo, smoke="off", **options(proxy)).version)
        if not memory:
            forget(tmp_path)
    assert made == ["1.0.0", "1.1.0", "1.2.0"]
    hfver.yank(f"{repo}@1.2.0", reason="Broken.", **options(proxy))
    if not memory:
        forget(tmp_path)
    hfver.yank(f"{repo}@1.1.0", reason="Broken, too.", **options(proxy))
    assert lag.stale > 3
    proxy.clear()
    listed = hfver.versions(repo, **options(proxy))
    assert [(one.version, one.yanked) for one in listed.releases] == [
        ("1.2.0", "Broken."),
        ("1.1.0", "Broken, too."),
        ("1.0.0", None),
    ]
    assert hfver.audit(repo, **options(proxy)).clean


def test_a_review_is_opened_and_finished(proxy: Proxy, lag: Lag, tmp_path: Path) -> None:
    repo, folder = "acme/lag-review", write_checkpoint(tmp_path / "out")
    hfver.release(folder, repo, smoke="off", **options(proxy))
    proposed = hfver.release(write_checkpoint(folder), repo, smoke="off", review=True, **options(proxy))
    assert proposed.review is not None
    HfApi(proxy.url, token=TOKEN).merge_pull_request(repo, proposed.review.number)
    forget(tmp_path)
    done = hfver.finish(f"{repo}#{proposed.review.number}", **options(proxy))
    assert done.version == "1.1.0"


def test_what_was_just_committed_is_downloaded(
    proxy: Proxy, checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contents may lag behind lists: they come from other servers."""
    monkeypatch.setenv("HFVER_HTTP_PAUSE", "0.05")
    proxy.on("GET .*/resolve/.*safetensors", answer(404, **{"X-Error-Code": "RevisionNotFound"}), times=2)
    done = hfver.release(checkpoint(1), "acme/lag-smoke", smoke="require", **options(proxy))
    assert done.smoke is not None and done.smoke.status == "passed"
    assert len(proxy.seen("GET .*/resolve/.*safetensors")) == 3


def test_a_lasting_absence_is_still_an_error(proxy: Proxy, lag: Lag, tmp_path: Path) -> None:
    with pytest.raises(HfverError, match="not found"):
        hfver.versions("acme/absent", **options(proxy))
