from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfver.errors import VerificationError
from hfver.model.checkpoint import Tensor, decode_tensors, encode_tensors, read_checkpoint, tensor_roots

TENSOR = Tensor("a", "model.safetensors", "F32", (2, 3), "xxh3:" + "0" * 32, b"\x01\x02\x03\x04")


def test_encoded_tensors_are_decoded(sharded_folder: Path) -> None:
    tensors = read_checkpoint(sharded_folder).tensors
    assert decode_tensors(encode_tensors(tensors), "x") == tensors
    assert encode_tensors(reversed(tensors)) == encode_tensors(tensors)


def test_the_encoding_is_canonical() -> None:
    assert encode_tensors([]) == b'{\n  "schema": 2,\n  "tensors": {\n  }\n}\n'
    assert encode_tensors([TENSOR]).decode() == (
        '{\n  "schema": 2,\n  "tensors": {\n    "a": {"digest": "xxh3:00000000000000000000000000000000", '
        '"dtype": "F32", "file": "model.safetensors", "sample": "AQIDBA==", "shape": [2, 3]}\n  }\n}\n'
    )
    hashed = replace(TENSOR, sha256="5" * 64)
    assert f'"sha256": "{"5" * 64}"' in encode_tensors([hashed]).decode()
    assert decode_tensors(encode_tensors([hashed]), "x") == (hashed,)


def test_the_list_of_hfver_0_1_is_read() -> None:
    entry = {"digest": TENSOR.digest, "dtype": "F32", "file": TENSOR.file, "shape": [2, 3]}
    data = json.dumps({"schema": 1, "tensors": {"a": entry}}).encode()
    assert decode_tensors(data, "x") == (replace(TENSOR, sample=b""),)
    with_sample = json.dumps({"schema": 1, "tensors": {"a": {**entry, "sample": ""}}}).encode()
    with pytest.raises(VerificationError):
        decode_tensors(with_sample, "x")


def test_roots_say_what_differs() -> None:
    root = tensor_roots([TENSOR])
    assert (root.count, root.bytes) == (1, 24)
    moved = tensor_roots([replace(TENSOR, digest="xxh3:" + "1" * 32)])
    assert moved.layout == root.layout and moved.values != root.values
    for form in (replace(TENSOR, dtype="I32"), replace(TENSOR, shape=(3, 2)), replace(TENSOR, name="b")):
        assert tensor_roots([form]).layout != root.layout
    # Neither the file nor the order counts: the same tensors in other shards are the same tensors.
    other = replace(TENSOR, name="b")
    assert tensor_roots([other, replace(TENSOR, file="x.safetensors")]) == tensor_roots([TENSOR, other])


def test_sizes_follow_from_type_and_shape() -> None:
    assert (TENSOR.elements, TENSOR.nbytes) == (6, 24)
    assert Tensor("a", "f", "F4", (4,), TENSOR.digest).nbytes == 2
    assert Tensor("a", "f", "F64", (), TENSOR.digest).nbytes == 8


names = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(names, st.lists(st.integers(0, 2**62), max_size=4)))
def test_any_names_and_shapes(shapes: dict[str, list[int]]) -> None:
    tensors = tuple(
        Tensor(name, "a/b.safetensors", "BF16", tuple(shape), TENSOR.digest) for name, shape in shapes.items()
    )
    assert set(decode_tensors(encode_tensors(tensors), "x")) == set(tensors)


def _with(**changes: Any) -> bytes:
    raw = json.loads(encode_tensors([TENSOR]))
    raw["tensors"]["a"] |= changes
    return json.dumps(raw).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"schema": true, "tensors": {}}',
        b'{"schema": 0, "tensors": {}}',
        b'{"schema": 1}',
        b'{"schema": 1, "tensors": []}',
        b'{"schema": 1, "tensors": {"a": 1}}',
        b'{"schema": 1, "tensors": {}, "x": 1}',
        b'{"schema": 1, "tensors": {}, "tensors": {}}',
        _with(x=1),
        _with(file="../up"),
        _with(file="/abs"),
        _with(file=1),
        _with(dtype="Q"),
        _with(dtype=["F32"]),
        _with(shape=[-1]),
        _with(shape=[True]),
        _with(shape=[2**63]),
        _with(shape="3"),
        _with(digest="xxh3:0"),
        _with(digest=None),
        _with(sample=None),
        _with(sample="?"),
        _with(sample=["AQ=="]),
        _with(sha256="5"),
        _with(sha256=None),
        b'{"schema": 1, "tensors": {"\\ud800": {}}}',
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(VerificationError, match="ns/name@1"):
        decode_tensors(data, "ns/name@1")


def test_the_error_for_a_newer_schema_says_to_upgrade() -> None:
    with pytest.raises(VerificationError) as raised:
        decode_tensors(b'{"schema": 3, "anything": 1}', "x")
    assert "upgrade" in raised.value.hint
