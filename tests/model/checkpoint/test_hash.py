from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from hfver.errors import BadCheckpoint
from hfver.model.checkpoint import hash_files, read_checkpoint
from hfver.model.checkpoint.file_pass import CHUNK
from tests.model.checkpoint.conftest import Copy


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_files_of_any_size(size: int, tmp_path: Path) -> None:
    data = os.urandom(size)
    (tmp_path / "x").write_bytes(data)
    entry = hash_files({"name/x": tmp_path / "x"})["name/x"]
    assert (entry.size, entry.sha256) == (size, hashlib.sha256(data).hexdigest())


def test_nothing_to_hash() -> None:
    assert hash_files({}) == {}


def test_the_result_keeps_the_order_of_the_arguments(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name * ord(name))
    assert list(hash_files({name: tmp_path / name for name in "bca"})) == list("bca")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, Path])
def test_anything_but_a_regular_file_is_refused(make: object, tmp_path: Path) -> None:
    assert callable(make)
    make(tmp_path / "x")
    with pytest.raises(BadCheckpoint, match="x"):
        hash_files({"x": tmp_path / "x"})


class Meddler:
    """Changes a file while it is read: at the first report of progress."""

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size, self.done = path, size, threading.Event()

    def __call__(self, label: str, done: int, total: int) -> None:  # noqa: ARG002 - the protocol's names
        if done > 0 and not self.done.is_set():
            self.done.set()
            self.meddle()

    def meddle(self) -> None:
        with self.path.open("r+b") as file:
            file.truncate(self.size)
            file.write(b"!")


@pytest.mark.parametrize("size", [10, 3 * CHUNK, 5 * CHUNK])
def test_a_file_that_changes_while_it_is_read(size: int, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(3 * CHUNK))
    with pytest.raises(BadCheckpoint, match="changed while it was read"):
        hash_files({"x": tmp_path / "x"}, progress=Meddler(tmp_path / "x", size))


def test_a_file_that_is_replaced_while_it_is_read(tmp_path: Path) -> None:
    class Replacer(Meddler):
        def meddle(self) -> None:
            (tmp_path / "new").write_bytes(bytes(3 * CHUNK))
            (tmp_path / "new").replace(self.path)

    (tmp_path / "x").write_bytes(bytes(3 * CHUNK))
    with pytest.raises(BadCheckpoint, match="changed while it was read"):
        hash_files({"x": tmp_path / "x"}, progress=Replacer(tmp_path / "x", 0))


def test_a_checkpoint_that_changes_while_it_is_read(model_folder: Path, copy: Copy) -> None:
    folder = copy(model_folder)
    (folder / "large.txt").write_bytes(bytes(3 * CHUNK))
    with pytest.raises(BadCheckpoint, match=r"large\.txt changed while it was read"):
        read_checkpoint(folder, progress=Meddler(folder / "large.txt", 10))


def test_a_progress_callback_that_fails_stops_the_work(tmp_path: Path) -> None:
    paths = {str(number): tmp_path / str(number) for number in range(20)}
    for path in paths.values():
        path.write_bytes(bytes(2 * CHUNK))
    calls = 0

    def fail(label: str, done: int, total: int) -> None:
        nonlocal calls
        calls += 1
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hash_files(paths, progress=fail)
    assert calls < 20
