"""The two files of a golden: they are read back as they were written, and nothing hostile in them gets through."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hfver.core.repo_paths import GOLDEN, GOLDEN_NUMBERS
from hfver.errors import VerificationError
from hfver.model.smoke.golden.record import (
    MAX_JSON,
    GoldenFiles,
    decode_golden,
    find_golden,
    read_golden,
)
from tests.model.smoke.golden.goldens import capture_folder


@pytest.fixture(scope="module")
def files(healthy: dict[str, Path]) -> GoldenFiles:
    return capture_folder(healthy["llama"])


def test_a_golden_is_read_as_it_was_written(files: GoldenFiles, tmp_path: Path) -> None:
    files.save(tmp_path)
    again = read_golden(tmp_path)
    assert again.golden == files.golden
    assert again.data == files.data
    assert again.encode() == files.encode()


def test_the_json_is_canonical(files: GoldenFiles) -> None:
    text = files.encode()[GOLDEN]
    raw = json.loads(text)
    assert text == (json.dumps(raw, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()
    assert raw["schema"] == 1


def test_it_is_small(files: GoldenFiles) -> None:
    assert sum(map(len, files.encode().values())) < 500_000


def test_a_folder_without_golden(tmp_path: Path) -> None:
    assert find_golden(tmp_path) is None
    with pytest.raises(VerificationError, match="has no golden"):
        read_golden(tmp_path)


def test_a_newer_schema_says_upgrade(files: GoldenFiles) -> None:
    raw = json.loads(files.encode()[GOLDEN]) | {"schema": 2}
    with pytest.raises(VerificationError) as caught:
        decode_golden(json.dumps(raw).encode(), files.data, "it")
    assert "schema 2" in caught.value.message
    assert "Upgrade hfver" in str(caught.value.hint)


def _set(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(raw: dict[str, Any]) -> None:
        at: Any = raw
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


HOSTILE: dict[str, Callable[[dict[str, Any]], None]] = {
    "an array beyond the end": _set("numbers", "arrays", "ids", "offset", value=10**7),
    "an array of a trillion": _set("numbers", "arrays", "ids", "shape", value=[10**6, 10**6]),
    "an array of no known type": _set("numbers", "arrays", "ids", "dtype", value="object"),
    "a negative shape": _set("numbers", "arrays", "ids", "shape", value=[-1, -8]),
    "a negative count": _set("numbers", "positions", 0, value=-5),
    "a made input of a billion numbers": _set(
        "numbers", "inputs", 0, "made", value={"pixel_values": [1, 3, 30000, 30000]}
    ),
    "a made input of no numbers": _set("numbers", "inputs", 0, "made", value={"pixel_values": [0]}),
    "a negative id": _set("numbers", "inputs", 0, "ids", value=[-1]),
    "too many ids": _set("numbers", "inputs", 0, "ids", value=[1] * 5000),
    "a negative noise": _set("numbers", "noise", value={"kernel": {"distance": -1, "p99": 0}}),
    "an unknown kind": _set("numbers", "kind", value="pickle"),
    "a text of a megabyte": _set("words", "texts", 0, "text", value="a" * 2**20),
    "a conversation of a megabyte": _set("forms", "conversations", value=[{"turns": "a" * 2**20}]),
    "no dictionary of words": _set("words", value=[]),
    "a different hash": _set("bin_sha256", value="0" * 64),
    "a different size": _set("bin_size", value=3),
    "a schema of words": _set("schema", value="one"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_refused(files: GoldenFiles, name: str) -> None:
    raw = json.loads(files.encode()[GOLDEN])
    HOSTILE[name](raw)
    with pytest.raises(VerificationError, match="invalid"):
        decode_golden(json.dumps(raw).encode(), files.data, "it")


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"null", b"{}", b"\xff\xfe", b'{"schema":1}', b"[" * 100_000, b'{"a":1,"a":2}', b"1e999"]
)
def test_what_is_no_golden_is_refused(text: bytes) -> None:
    with pytest.raises(VerificationError, match="invalid"):
        decode_golden(text, b"", "it")


def test_files_that_are_too_large_are_not_read_whole(files: GoldenFiles, tmp_path: Path) -> None:
    files.save(tmp_path)
    with (tmp_path / GOLDEN).open("r+b") as file:
        file.truncate(MAX_JSON * 100)  # sparse: no disk is used
    with pytest.raises(VerificationError, match="more than"):
        read_golden(tmp_path)


def test_a_pipe_in_place_of_the_numbers(files: GoldenFiles, tmp_path: Path) -> None:
    import os

    files.save(tmp_path)
    (tmp_path / GOLDEN_NUMBERS).unlink()
    os.mkfifo(tmp_path / GOLDEN_NUMBERS)
    with pytest.raises(VerificationError, match="not a regular file"):
        read_golden(tmp_path)
