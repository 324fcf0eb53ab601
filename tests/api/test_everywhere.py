"""Every public function works where programs call it: inside a running event loop, and in a thread of its own."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli.progress import bars
from tests.api.conftest import REPO, write_folder

pytestmark = pytest.mark.usefixtures("project")

Call = tuple[str, Callable[[], Any]]


def calls(hub: Any, tmp_path: Path, chat_model: Path) -> Iterator[Call]:
    """One call of each function, in an order in which each finds what it needs."""
    folder, pulled, code = write_folder(tmp_path / "folder", 1), tmp_path / "pulled", tmp_path / "code"
    code.mkdir()
    (code / "serve.py").write_text(f'import hfver\n\nhfver.load("{REPO}@1.0.0")\n')
    chat = "acme/chat"
    yield "release", lambda: hfver.release(folder, REPO, hub=hub, smoke="off")
    yield "release, a second", lambda: hfver.release(write_folder(tmp_path / "2", 2), REPO, hub=hub, smoke="off")
    yield "release, smoke", lambda: hfver.release(chat_model, chat, hub=hub, smoke="require", device="cpu")
    yield "versions", lambda: hfver.versions(REPO, hub=hub)
    yield "resolve", lambda: hfver.resolve(f"{REPO}@1.0.0", hub=hub)
    yield "show", lambda: hfver.show(REPO, hub=hub)
    yield "changelog", lambda: hfver.changelog(REPO, hub=hub)
    yield "diff", lambda: hfver.diff(f"{REPO}@1.0.0", str(folder), hub=hub)
    yield "pull", lambda: hfver.pull(REPO, pulled, hub=hub)
    yield "verify", lambda: hfver.verify(str(pulled), hub=hub)
    yield "verify a release", lambda: hfver.verify(REPO, hub=hub)
    yield "load", lambda: hfver.load(chat, hub=hub, device="cpu", smoke=True)
    yield "smoke_eval", lambda: hfver.smoke_eval(str(chat_model), device="cpu")
    yield "lock", lambda: hfver.lock(f"{REPO}@1.0.0", hub=hub)
    yield "sync", lambda: hfver.sync(hub=hub)
    yield "outdated", lambda: hfver.outdated(hub=hub)
    yield "pins", lambda: hfver.pins([code], hub=hub)
    yield "audit", lambda: hfver.audit(REPO, hub=hub, deep=True)
    yield "adopt", lambda: hfver.adopt(REPO, hub=hub, dry_run=True)
    yield "yank", lambda: hfver.yank(f"{REPO}@1.0.0", "Broken", hub=hub)
    yield "config", lambda: hfver.config()
    yield "doctor", lambda: hfver.doctor(REPO, hub=hub)


def test_every_function_is_called_here(tmp_path: Path, chat_model: Path) -> None:
    called = {name.split()[0].rstrip(",") for name, _ in calls(None, tmp_path, chat_model)}
    functions = {name for name in hfver.__all__ if name[0].islower() and callable(getattr(hfver, name))}
    assert functions - called == {"serve", "finish"}  # serve does not return; finish has a test of its own


def test_inside_a_running_event_loop(tmp_path: Path, chat_model: Path) -> None:
    """As in a notebook: the loop runs in the very thread that calls, and the Hub is a folder."""

    async def cell() -> None:
        for name, call in calls(tmp_path / "hub", tmp_path, chat_model):
            assert asyncio.get_running_loop().is_running()
            assert call() is not None, name
            await asyncio.sleep(0)
        with LocalHub(tmp_path / "hub") as hub:
            assert hfver.versions(REPO, hub=hub).releases

    asyncio.run(cell())


def test_a_review_is_finished_in_a_loop_and_in_a_thread(hub: LocalHub, tmp_path: Path) -> None:
    async def cell(seed: int) -> Any:
        asked = hfver.release(write_folder(tmp_path / f"new-{seed}", seed), REPO, hub=hub, smoke="off", review=True)
        assert asked.review is not None
        HfApi(hub.url, token=hub.token).merge_pull_request(REPO, asked.review.number)
        name = f"{REPO}#{asked.review.number}"
        return hfver.finish(name, hub=hub) if seed % 2 else await asyncio.to_thread(hfver.finish, name, hub=hub)

    assert [asyncio.run(cell(seed)).version for seed in (10, 11)] == ["1.2.0", "1.3.0"]


def test_in_threads_at_once(tmp_path: Path, chat_model: Path, local_hub: LocalHub) -> None:
    """As in a web server: calls come from threads that are not the main one."""
    with ThreadPoolExecutor(1) as pool:
        for name, call in calls(local_hub, tmp_path, chat_model):
            assert pool.submit(call).result(timeout=120) is not None, name
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: hfver.pull(REPO, hub=local_hub, lock=False).path, range(8)))
    assert len(set(found)) == 1

    async def handler() -> Any:
        return await asyncio.gather(*(asyncio.to_thread(hfver.versions, REPO, hub=local_hub) for _ in range(4)))

    assert len({len(one.releases) for one in asyncio.run(handler())}) == 1


def test_progress_is_silent_where_nobody_looks(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with bars() as progress:
        progress("downloading", 1, 2)
        hfver.pull(REPO, hub=hub, progress=progress)
    assert capsys.readouterr() == ("", "")


def test_progress_of_several_threads_is_drawn_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())

    async def cell() -> None:
        with bars() as progress, ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda done: progress("hashing", done, 100), range(101)))

    asyncio.run(cell())


def test_progress_is_reported_to_a_callback_from_any_thread(hub: LocalHub, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    with ThreadPoolExecutor(1) as pool:
        pool.submit(
            lambda: hfver.pull(REPO, tmp_path / "new", hub=hub, progress=lambda *told: seen.append(told))
        ).result()
    assert all(0 <= done <= total for _, done, total in seen)
