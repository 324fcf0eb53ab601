"""The sample of each tensor: the same elements whatever the portions, the shards and the rows that were appended."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from hfver.model.checkpoint import HashCache, read_checkpoint
from hfver.model.checkpoint.safetensors_header import Span
from hfver.model.checkpoint.tensor_sample import SAMPLED, Sampler, sample_places
from tests.model.checkpoint.conftest import Copy

SHAPES = {"scalar": (), "one": (1,), "vector": (300,), "matrix": (33, 70), "kernel": (5, 4, 3, 3), "none": (0, 7)}


def expected(array: np.ndarray) -> bytes:
    table = array.reshape(array.shape[0] if array.shape else 1, -1) if array.size else array
    return b"".join(table[row, column].tobytes() for row, column in sample_places(array.shape))


@given(st.integers(1, 50), st.sampled_from(["F64", "F32", "F16", "U8"]))
def test_any_portions_give_the_same_elements(portion: int, dtype: str) -> None:
    kind = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "U8": np.uint8}[dtype]
    arrays = {name: np.arange(np.prod(shape, dtype=int)).astype(kind).reshape(shape) for name, shape in SHAPES.items()}
    spans, data = [], b""
    for name, array in arrays.items():
        spans.append(Span(name, dtype, array.shape, len(data), len(data) + array.nbytes))
        data += array.tobytes()
    sampler = Sampler(spans)
    for at in range(0, len(data), portion):
        sampler.feed(memoryview(data)[at : at + portion])
    assert sampler.finish() == [expected(array) for array in arrays.values()]


def test_elements_smaller_than_a_byte_are_not_sampled() -> None:
    sampler = Sampler([Span("packed", "F4", (4, 4), 0, 8), Span("a", "U8", (2,), 8, 10)])
    sampler.feed(memoryview(bytes(range(10))))
    assert sampler.finish() == [b"", b"\x08\x09"]


@given(st.integers(1, 10**6), st.integers(1, 10**5))
def test_places_are_in_the_tensor_and_stay_when_rows_are_appended(rows: int, columns: int) -> None:
    places = sample_places((rows, columns))
    assert 1 <= len(places) <= SAMPLED
    assert all(row < rows and column < columns for row, column in places)
    last = 2 ** rows.bit_length() - 1
    assert sample_places((last, columns)) == places


def test_a_checkpoint_has_the_sample_of_every_tensor(sharded_folder: Path) -> None:
    stored = {name: array for path in sharded_folder.glob("*.safetensors") for name, array in load_file(path).items()}
    found = {tensor.name: tensor.sample for tensor in read_checkpoint(sharded_folder).tensors}
    assert found == {name: expected(array) for name, array in stored.items()}
    assert any(found.values())


def test_sha256_of_tensors_on_request(copy: Copy, model_folder: Path, tmp_path: Path) -> None:
    folder = copy(model_folder)
    weights = {f"t{number}": np.random.default_rng(number).random((64, 64)) for number in range(4)}
    weights["none"] = np.zeros((0, 3))
    save_file(weights, folder / "model.safetensors")
    cache = HashCache(tmp_path / "cache", margin=-3600)
    assert {tensor.sha256 for tensor in read_checkpoint(folder, cache=cache).tensors} == {None}
    # What is remembered without them does not answer for a request with them, and the other way round it does.
    for _ in range(2):
        hashed = read_checkpoint(folder, cache=cache, tensor_sha256=True).tensors
        assert {tensor.name: tensor.sha256 for tensor in hashed} == {
            name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in weights.items()
        }
    assert {tensor.sha256 for tensor in read_checkpoint(folder, cache=cache).tensors} == {None}


def test_an_entry_of_hfver_0_1_in_the_cache_has_no_sample(copy: Copy, model_folder: Path, tmp_path: Path) -> None:
    folder = copy(model_folder)
    save_file({"a": np.ones((200, 200))}, folder / "model.safetensors")
    cache = HashCache(tmp_path / "cache", margin=-3600)
    first = read_checkpoint(folder, cache=cache).tensors
    entries = [path for path in cache.folder.glob("*/*") if b"xxh3:" in path.read_bytes()]
    assert entries
    for path in entries:
        body = path.read_bytes().partition(b"\n")[2].replace(f', "{first[0].sample.hex()}", null'.encode(), b"")
        path.write_bytes(xxhash.xxh3_128_hexdigest(body).encode() + b"\n" + body)
        assert first[0].sample.hex().encode() not in body
    assert read_checkpoint(folder, cache=cache).tensors == first
