from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import xxhash

from hfver.core.cache_folder import default_folder
from hfver.errors import BadCheckpoint
from hfver.model.checkpoint import HashCache, hash_files, read_checkpoint
from tests.model.checkpoint.conftest import Copy

MARGIN = 0.05
SIZE = 200_000

_opened: list[str] = []
_listening = False


def _note(event: str, args: tuple[object, ...]) -> None:
    if _listening and event == "open":
        _opened.append(str(args[0]))


@contextmanager
def opened() -> Iterator[list[str]]:
    """Collect what is opened. An audit hook cannot be removed, so there is one for all tests."""
    global _listening
    if not hasattr(sys, "_hfver_hook"):
        sys.addaudithook(_note)
        sys._hfver_hook = True  # type: ignore[attr-defined]
    _opened.clear()
    _listening = True
    try:
        yield _opened
    finally:
        _listening = False


@pytest.fixture
def cache(tmp_path: Path) -> HashCache:
    return HashCache(tmp_path / "cache", margin=MARGIN)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(SIZE))
    time.sleep(2 * MARGIN)
    return path


def was_opened(file: Path, cache: HashCache) -> bool:
    with opened() as names:
        entry = hash_files({"x": file}, cache=cache)["x"]
    assert entry == hash_files({"x": file})["x"]
    return str(file) in names


def entries(cache: HashCache) -> list[Path]:
    return [path for path in cache.folder.rglob("*") if path.is_file()]


def test_an_unchanged_file_is_not_opened(file: Path, cache: HashCache) -> None:
    assert [was_opened(file, cache) for _ in range(3)] == [True, False, False]


def test_a_renamed_file_is_cached_again(file: Path, cache: HashCache) -> None:
    was_opened(file, cache)
    time.sleep(2 * MARGIN)
    moved = file.rename(file.with_name("other"))
    time.sleep(2 * MARGIN)
    was_opened(moved, cache)  # a rename touches ctime
    assert not was_opened(moved, cache)


def test_a_change_that_keeps_size_and_mtime_is_detected(file: Path, cache: HashCache) -> None:
    was_opened(file, cache)
    before = file.stat()
    file.write_bytes(os.urandom(SIZE))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert was_opened(file, cache)


def test_a_file_modified_just_before_is_not_cached(tmp_path: Path) -> None:
    cache = HashCache(tmp_path / "cache", margin=60)
    (tmp_path / "file").write_bytes(bytes(SIZE))
    os.utime(tmp_path / "file", (1, 1))  # mtime can be set back, ctime cannot
    assert [was_opened(tmp_path / "file", cache) for _ in range(2)] == [True, True]
    assert entries(cache) == []


def test_a_file_from_the_future_is_not_cached(file: Path, cache: HashCache) -> None:
    os.utime(file, (time.time() + 3600, time.time() + 3600))
    time.sleep(2 * MARGIN)
    assert [was_opened(file, cache) for _ in range(2)] == [True, True]


@pytest.mark.parametrize(
    "damage",
    [b"", b"\n", b"garbage", b"\xff" * 100, b"d" * 32 + b"\n{}", b"[" * 100_000],
)
def test_a_corrupt_entry_is_discarded(damage: bytes, file: Path, cache: HashCache) -> None:
    was_opened(file, cache)
    (entry,) = entries(cache)
    entry.write_bytes(damage)
    assert [was_opened(file, cache) for _ in range(2)] == [True, False]


def test_a_flipped_bit_in_an_entry_is_detected(file: Path, cache: HashCache) -> None:
    was_opened(file, cache)
    (entry,) = entries(cache)
    data = bytearray(entry.read_bytes())
    at = data.index(b"sha256") + 12
    data[at] ^= 1
    entry.write_bytes(data)
    assert was_opened(file, cache)


def test_an_entry_that_is_a_folder_is_ignored(file: Path, cache: HashCache) -> None:
    was_opened(file, cache)
    (entry,) = entries(cache)
    entry.unlink()
    entry.mkdir()
    assert was_opened(file, cache)


@pytest.mark.parametrize("obstacle", ["file", "missing parent"])
def test_an_unwritable_cache_is_ignored(obstacle: str, file: Path, tmp_path: Path) -> None:
    (tmp_path / "wall").write_text("not a folder")
    cache = HashCache(tmp_path / "wall" / ("" if obstacle == "file" else "deep"), margin=MARGIN)
    assert [was_opened(file, cache) for _ in range(2)] == [True, True]


def test_a_cache_that_others_can_write_is_ignored(file: Path, cache: HashCache) -> None:
    was_opened(file, cache)
    cache.folder.chmod(0o777)
    assert was_opened(file, cache)


def test_nobody_else_can_read_the_cache(file: Path, cache: HashCache) -> None:
    was_opened(file, cache)
    assert not cache.folder.stat().st_mode & 0o077


def test_cached_weights_are_not_opened(model_folder: Path, copy: Copy, cache: HashCache) -> None:
    folder = copy(model_folder)
    from safetensors.torch import save_file
    from torch import zeros

    save_file({"a": zeros(300, 300), "e": zeros(0, 4), "s": zeros(())}, folder / "model.safetensors")
    time.sleep(2 * MARGIN)
    first = read_checkpoint(folder, cache=cache)
    with opened() as names:
        second = read_checkpoint(folder, cache=cache)
    assert first == second == read_checkpoint(folder)
    assert not any("safetensors" in name for name in names if str(cache.folder) not in name)


TOKEN = "hf" + "_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567"


@pytest.fixture
def leaking(model_folder: Path, copy: Copy) -> Path:
    """A model with a secret in a small file, in two large texts and in the header of its weights."""
    from safetensors.torch import save_file
    from torch import zeros

    folder = copy(model_folder)
    save_file({"a": zeros(300, 300)}, folder / "model.safetensors", metadata={"note": TOKEN})
    (folder / "small.txt").write_text(f"one\n{TOKEN}\n")
    (folder / "large.csv").write_bytes(b"a,b\n" * 3_000_000 + TOKEN.encode())
    (folder / "merges.txt").write_bytes(b"a b\n" * 30_000 + TOKEN.encode())
    time.sleep(2 * MARGIN)
    return folder


def secrets(folder: Path, cache: HashCache | None) -> dict[str, int]:
    """Read a folder for a release, and return the line of the secret in each file that has one."""
    found = read_checkpoint(folder, cache=cache).secrets
    assert found is not None
    return {path: match.line for path, (match,) in found.items()}


def test_the_verdict_of_the_secret_scan_is_kept_with_the_digest(leaking: Path, cache: HashCache) -> None:
    expected = {"small.txt": 2, "large.csv": 3_000_001, "merges.txt": 30_001, "model.safetensors": 1}
    assert secrets(leaking, cache) == expected
    with opened() as names:
        assert secrets(leaking, cache) == expected
    assert {"large.csv", "model.safetensors"}.isdisjoint(Path(name).name for name in names)
    assert not any(TOKEN.encode() in entry.read_bytes() for entry in entries(cache))


def _rewrite(cache: HashCache, change: Callable[[dict[str, Any]], object]) -> None:
    for entry in entries(cache):
        raw = json.loads(entry.read_bytes().partition(b"\n")[2])
        change(raw)
        body = json.dumps(raw).encode()
        entry.write_bytes(xxhash.xxh3_128_hexdigest(body).encode() + b"\n" + body)


@pytest.mark.parametrize("entry_of", ["hfver 0.1", "other patterns"])
def test_an_entry_without_a_verdict_of_todays_patterns_is_not_used(
    entry_of: str, leaking: Path, cache: HashCache
) -> None:
    expected = secrets(leaking, cache)
    if entry_of == "hfver 0.1":
        _rewrite(cache, lambda raw: raw.pop("secrets"))
    else:
        _rewrite(cache, lambda raw: raw.update(secrets={"scanner": "0" * 32, "found": []}))
    with opened() as names:
        assert secrets(leaking, cache) == expected
    assert {"large.csv", "model.safetensors"} <= {Path(name).name for name in names}
    with opened() as names:
        hash_files({"x": leaking / "large.csv"}, cache=cache)
    assert names.count(str(leaking / "large.csv")) == 0


def test_reading_without_a_scan_keeps_the_cached_verdict(leaking: Path, cache: HashCache) -> None:
    expected = secrets(leaking, cache)
    read_checkpoint(leaking, cache=cache, for_release=False)
    hash_files({"x": leaking / "large.csv"}, cache=cache)
    with opened() as names:
        assert secrets(leaking, cache) == expected
    assert "large.csv" not in {Path(name).name for name in names}


def test_a_folder_that_is_only_compared_is_not_scanned_for_secrets(leaking: Path) -> None:
    assert read_checkpoint(leaking, for_release=False).secrets is None


def test_an_entry_without_tensors_is_not_used_for_safetensors(model_folder: Path, copy: Copy, cache: HashCache) -> None:
    folder = copy(model_folder)
    broken = folder / "model.safetensors"
    broken.write_bytes(bytes(SIZE))
    time.sleep(2 * MARGIN)
    hash_files({"x": broken}, cache=cache)
    with pytest.raises(BadCheckpoint, match="safetensors"):
        read_checkpoint(folder, cache=cache)


def test_progress_counts_cached_files(file: Path, cache: HashCache) -> None:
    calls: list[tuple[str, int, int]] = []
    for _ in range(2):
        hash_files({"x": file}, cache=cache, progress=lambda *call: calls.append(call))
        assert calls[-1] == ("hashing", SIZE, SIZE)


def _use(folder: str, file: str) -> str:
    cache = HashCache(Path(folder), margin=0)
    return {hash_files({"x": Path(file)}, cache=cache)["x"].sha256 for _ in range(50)}.pop()


def test_many_processes_share_a_cache(file: Path, tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        seen = set(pool.map(_use, [str(tmp_path / "cache")] * 8, [str(file)] * 8))
    assert seen == {hash_files({"x": file})["x"].sha256}
    assert not [path for path in entries(HashCache(tmp_path / "cache")) if path.name.startswith(".")]


def test_old_entries_are_pruned(file: Path, cache: HashCache) -> None:
    was_opened(file, cache)
    cache.prune()
    assert len(entries(cache)) == 1
    os.utime(entries(cache)[0], (0, 0))
    cache.prune()
    assert entries(cache) == []


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HFVER_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".cache" / "hfver"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_folder() == tmp_path / "xdg" / "hfver"
    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "own"))
    assert default_folder() == tmp_path / "own"
