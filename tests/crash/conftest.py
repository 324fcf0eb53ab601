"""A Hub in a process of its own and a fork server, once per worker; and a fresh reader per look."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.kernel import is_supported
from tests.crash.scene import TOKEN, Forks, Hub, checkpoint, running_forks, running_hub

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where the kernel cannot stop a process for us there is nothing to see; the rest may take its time."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skipif(not is_supported(), reason="needs seccomp on Linux, x86-64"))
            item.add_marker(pytest.mark.timeout(3600))


@pytest.fixture(scope="session")
def memory_folder() -> Iterator[Path]:
    """Give a folder in memory where there is one: a kill loses nothing that was written, on any file system."""
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="hfver-crash-") as folder:
        yield Path(folder)


@pytest.fixture
def room(memory_folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Give a folder for one test, named after it: its repos and its bytes are its own and the same in every run."""
    folder = memory_folder / re.sub(r"\W+", "-", request.node.name).strip("-")
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def hub(memory_folder: Path) -> Iterator[Hub]:
    """Run a Hub in a process of its own, which nobody kills."""
    with running_hub(memory_folder / "hub") as running:
        yield running


@pytest.fixture(scope="session")
def forks(memory_folder: Path, hub: Hub) -> Iterator[Forks]:
    """Run a fork server that has done before what its children will do."""
    warm, repo = memory_folder / "warm", "crash/warm"
    paths = {"HF_TOKEN": TOKEN, "HFVER_CACHE": warm / "hfver", "HF_HUB_CACHE": warm / "hub"}
    with running_forks(memory_folder) as running:
        release = ("release", str(checkpoint(warm / "checkpoint", 0)), "--repo", repo, "--smoke", "off")
        running.warm_up(*release, "--hub", hub.url, **paths)
        running.warm_up("pull", repo, str(warm / "pulled"), "--hub", hub.url, **paths)
        running.warm_up("verify", str(warm / "pulled"), "--offline", **paths)
        shutil.rmtree(warm)
        yield running
