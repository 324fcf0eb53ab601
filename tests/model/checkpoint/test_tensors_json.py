from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfver.errors import VerificationError
from hfver.model.checkpoint import Tensor, decode_tensors, encode_tensors, read_checkpoint

TENSOR = Tensor("a", "model.safetensors", "F32", (2, 3), "xxh3:" + "0" * 32)


def test_encoded_tensors_are_decoded(sharded_folder: Path) -> None:
    tensors = read_checkpoint(sharded_folder).tensors
    assert decode_tensors(encode_tensors(tensors), "x") == tensors
    assert encode_tensors(reversed(tensors)) == encode_tensors(tensors)


def test_the_encoding_is_canonical() -> None:
    assert encode_tensors([]) == b'{\n  "schema": 1,\n  "tensors": {\n  }\n}\n'
    assert encode_tensors([TENSOR]).decode() == (
        '{\n  "schema": 1,\n  "tensors": {\n    "a": {"digest": "xxh3:00000000000000000000000000000000", '
        '"dtype": "F32", "file": "model.safetensors", "shape": [2, 3]}\n  }\n}\n'
    )


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
        b'{"schema": 1, "tensors": {"\\ud800": {}}}',
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(VerificationError, match="ns/name@1"):
        decode_tensors(data, "ns/name@1")


def test_the_error_for_a_newer_schema_says_to_upgrade() -> None:
    with pytest.raises(VerificationError) as raised:
        decode_tensors(b'{"schema": 2, "anything": 1}', "x")
    assert "upgrade" in raised.value.hint
