"""Hostile safetensors files: any header is either sound or refused, in bounded time and memory."""

from __future__ import annotations

import io
import json
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError

from hfver.errors import BadCheckpoint
from hfver.model.checkpoint import read_checkpoint
from hfver.model.checkpoint.safetensors_header import Header, HeaderError, read_header
from tests.model.checkpoint.conftest import Copy


def pack(header: Any, body: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else header.encode() if isinstance(header, str) else _dump(header)
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def _dump(header: Any) -> bytes:
    return json.dumps(header).encode()


def entry(start: int, stop: int, dtype: Any = "U8", shape: Any = None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [stop - start] if shape is None else shape, "data_offsets": [start, stop]}


deserialize: Any = safetensors.deserialize  # untyped


def read(data: bytes) -> Header:
    return read_header(io.BytesIO(data), len(data))


SOUND = {
    "one": pack({"a": entry(0, 4)}, bytes(4)),
    "two, out of order": pack({"b": entry(4, 6), "a": entry(0, 4)}, bytes(6)),
    "none": pack({}),
    "metadata": pack({"__metadata__": {"format": "pt", "odd": '{"[\\"'}, "a": entry(0, 1)}, b"x"),
    "empty metadata": pack({"__metadata__": {}}),
    "padding": pack(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}   ', b"x"),
    "scalar": pack({"a": entry(0, 8, "F64", [])}, bytes(8)),
    "no elements": pack({"a": entry(0, 0, "F32", [0, 3]), "b": entry(0, 1)}, b"x"),
    "no elements at the end": pack({"a": entry(0, 1), "b": entry(1, 1, "F32", [0])}, b"x"),
    "four bits": pack({"a": entry(0, 2, "F4", [4])}, bytes(2)),
    "a name of any kind": pack({'"\\\u00e9\n': entry(0, 1)}, b"x"),
}

HOSTILE = {
    "nothing": b"",
    "short": b"1234567",
    "no header": pack(b""),
    "header longer than the file": pack({}, length=1000),
    "header of 2^64": pack({}, length=2**64 - 1),
    "header beyond the limit": pack(b"{}" + b" " * 100, length=100_000_001),
    "lfs pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "not utf-8": pack(b'{"\xff": 1}'),
    "half a surrogate": pack(b'{"\\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x"),
    "a list": pack([1]),
    "leading space": pack(b" {}"),
    "trailing text": pack(b"{} x"),
    "second object": pack(b"{}{}"),
    "trailing comma": pack(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},}', b"x"),
    "no comma": pack(b'{"__metadata__":{} "b":{}}'),
    "unclosed": pack(b'{"a":{"dtype":"U8"'),
    "bad escape": pack(b'{"\\x":1}'),
    "control character": pack(b'{"a\nb":1}'),
    "duplicate name": pack(b'{"a":%b,"a":%b}' % (_dump(entry(0, 1)), _dump(entry(1, 2))), b"xy"),
    "duplicate name, spelled otherwise": pack(
        b'{"a":%b,"\\u0061":%b}' % (_dump(entry(0, 1)), _dump(entry(1, 2))), b"xy"
    ),
    "duplicate key": pack(b'{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', b"x"),
    "duplicate metadata": pack(b'{"__metadata__":{"a":"1","a":"2"}}'),
    "metadata number": pack({"__metadata__": {"a": 1}}),
    "metadata nested": pack({"__metadata__": {"a": {"b": "c"}}}),
    "metadata list": pack({"__metadata__": []}),
    "missing key": pack({"a": {"dtype": "U8", "shape": [1]}}, b"x"),
    "extra key": pack({"a": entry(0, 1) | {"x": 1}}, b"x"),
    "nested entry": pack({"a": entry(0, 1) | {"shape": {}}}, b"x"),
    "entry is a list": pack({"a": [1]}, b"x"),
    "unknown type": pack({"a": entry(0, 1, "Q8")}, b"x"),
    "type no string": pack({"a": entry(0, 1, 8)}, b"x"),
    "type a list": pack({"a": entry(0, 1, ["U8"])}, b"x"),
    "overlap": pack({"a": entry(0, 4), "b": entry(2, 6)}, bytes(6)),
    "same bytes twice": pack({"a": entry(0, 4), "b": entry(0, 4)}, bytes(4)),
    "hole": pack({"a": entry(0, 2), "b": entry(3, 4)}, bytes(4)),
    "hole at the start": pack({"a": entry(1, 2)}, bytes(2)),
    "bytes left over": pack({"a": entry(0, 2)}, bytes(3)),
    "cut off": pack({"a": entry(0, 4)}, bytes(3)),
    "backwards": pack({"a": entry(4, 0, "U8", [4])}, bytes(4)),
    "negative offset": pack({"a": entry(-4, 0, "U8", [4])}, bytes(4)),
    "negative size": pack({"a": entry(0, 4, "U8", [-2, -2])}, bytes(4)),
    "float size": pack({"a": entry(0, 4, "U8", [4.0])}, bytes(4)),
    "true size": pack({"a": entry(0, 1, "U8", [True])}, b"x"),
    "string size": pack({"a": entry(0, 1, "U8", ["1"])}, b"x"),
    "null shape": pack(b'{"a":{"dtype":"U8","shape":null,"data_offsets":[0,1]}}', b"x"),
    "three offsets": pack({"a": entry(0, 1) | {"data_offsets": [0, 1, 1]}}, b"x"),
    "wrong bytes": pack({"a": entry(0, 4, "F32", [2])}, bytes(4)),
    "overflow": pack({"a": entry(0, 0, "U8", [2**62, 4, 0])}),
    "overflow to fit": pack({"a": entry(0, 4, "U8", [2**63 + 2, 2])}, bytes(4)),
    "huge number": pack(b'{"a":{"dtype":"U8","shape":[%b],"data_offsets":[0,1]}}' % (b"9" * 4000), b"x"),
    "half a byte": pack({"a": entry(0, 1, "F4", [1])}, b"x"),
    "nan": pack(b'{"a":{"dtype":"U8","shape":[NaN],"data_offsets":[0,1]}}', b"x"),
    "deep list": pack(b'{"a":' + b"[" * 100_000),
    "deep entry": pack(b'{"a":{"shape":' + b"[" * 4000 + b"}}"),
    "deep objects": pack(b'{"a":' * 50_000),
    "metadata tensor": pack({"__metadata__": entry(0, 1)}, b"x"),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_headers_are_read(name: str) -> None:
    header = read(SOUND[name])
    assert sum(span.stop - span.start for span in header.spans) == len(SOUND[name]) - len(header.raw)
    assert {(tensor, tuple(held["shape"])) for tensor, held in deserialize(SOUND[name])} == {
        (span.name, span.shape) for span in header.spans
    }


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_are_refused(name: str) -> None:
    with pytest.raises(HeaderError) as raised:
        read(HOSTILE[name])
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_named(name: str, model_folder: Path, copy: Copy) -> None:
    folder = copy(model_folder)
    (folder / "model.safetensors").write_bytes(HOSTILE[name])
    with pytest.raises(BadCheckpoint, match=r"model\.safetensors"):
        read_checkpoint(folder)


def test_the_tensor_at_fault_is_named() -> None:
    with pytest.raises(HeaderError, match="'second' overlaps"):
        read(pack({"first": entry(0, 4), "second": entry(2, 6)}, bytes(6)))


@pytest.mark.parametrize(
    "header",
    [
        b'{"a":' + b"[]," * 3_000_000,
        b'{"a":{' + b'"b":' * 3_000_000,
        b'{"__metadata__":{"a":"' + b"\\\\" * 4_000_000,
        b'{"' + b"\\n" * 4_000_000,
        b" " * 9_000_000,
        b"{" + b" " * 9_000_000,
        b'{"a":{"dtype":"U8","shape":[' + b"1," * 3_000_000 + b"1]}}",
    ],
)
def test_large_invalid_headers_cost_neither_time_nor_memory(header: bytes) -> None:
    data, started = pack(header), time.monotonic()
    tracemalloc.start()
    with pytest.raises(HeaderError):
        read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * len(data)
    assert time.monotonic() - started < 5


def test_tensors_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hfver.model.checkpoint.safetensors_header.MAX_TENSORS", 10)
    assert len(read(pack({str(n): entry(0, 0) for n in range(10)})).spans) == 10
    with pytest.raises(HeaderError, match="more than 10"):
        read(pack({str(n): entry(0, 0) for n in range(12)}))


_numbers = st.one_of(st.integers(-2, 20), st.sampled_from([2**63, True, 1.5, None, "1"]))
_entries = st.fixed_dictionaries(
    {"dtype": st.sampled_from(["U8", "F32", "BF16", "F4", "Q"]), "shape": st.lists(_numbers, max_size=3)}
    | {"data_offsets": st.lists(_numbers, min_size=1, max_size=3)}
)
_headers = st.dictionaries(st.sampled_from(["a", "b", "__metadata__", ""]), st.one_of(_entries, st.text()))


def agree(data: bytes) -> None:
    """The safetensors library accepts whatever is accepted here, and finds the same tensors."""
    try:
        header = read(data)
    except HeaderError:
        return
    try:
        theirs = {name: tuple(held["shape"]) for name, held in deserialize(data)}
    except SafetensorError as error:
        raise AssertionError(f"the library refuses what we read: {error}") from None
    assert theirs == {span.name: span.shape for span in header.spans}


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    agree(data)
    agree(pack(data))


@given(_headers, st.integers(0, 40))
@settings(max_examples=500)
def test_any_header(header: dict[str, Any], size: int) -> None:
    agree(pack(header, bytes(size)))


@given(st.sampled_from(sorted(SOUND)), st.data())
@settings(max_examples=500)
def test_any_flipped_byte(name: str, data: st.DataObject) -> None:
    mutated = bytearray(SOUND[name])
    for _ in range(data.draw(st.integers(1, 3))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    agree(bytes(mutated))
