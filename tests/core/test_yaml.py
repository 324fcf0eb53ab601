from __future__ import annotations

import time
from datetime import date
from typing import Any

import pytest

from hfver.core.yaml import YamlError, dump_yaml, load_yaml


def test_numbers_are_those_of_json() -> None:
    assert load_yaml(b"[5e-5, 1E3, -1.5e+2, '5e-5', v1e5]") == [5e-05, 1000.0, -150.0, "5e-5", "v1e5"]
    assert load_yaml(b"[0, -7, +3, 1_000, 0xff, 0b11, 1., .5, -.5, 1_0.5]") == [
        0,
        -7,
        3,
        1000,
        255,
        3,
        1.0,
        0.5,
        -0.5,
        10.5,
    ]


@pytest.mark.parametrize("text", ["1:30", "0123456", "12:30:45", "1:30.5", "00", "-", "+", "."])
def test_what_only_yaml_1_1_reads_as_a_number_is_text(text: str) -> None:
    assert load_yaml(f"a: '{text}'".encode()) == {"a": text}
    if text != "-":
        assert load_yaml(f"a: {text}".encode()) == {"a": text}
    assert load_yaml(dump_yaml({"a": text})) == {"a": text}


def test_a_number_of_a_hundred_thousand_parts_costs_nothing() -> None:
    began = time.process_time()
    text = "1" + ":1" * 100_000
    assert load_yaml(f"a: {text}".encode()) == {"a": text}
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "text", ["2001-99-99", "2024-02-30 10:00:00", "2024-02-29 10:00:00+99:00", "9" * 5000, "0x" + "f" * 5000]
)
def test_a_date_or_a_number_that_cannot_be_is_refused_or_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|out of range|between|digits"):
        load_yaml(f"a: {text}".encode())
    assert load_yaml(f"a: {text}".encode(), lenient=True) == {"a": text}


def test_real_dates_are_dates() -> None:
    for lenient in (False, True):
        assert load_yaml(b"a: 2024-02-29", lenient=lenient) == {"a": date(2024, 2, 29)}


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"a: 1\na: 2", 1), (b"a: 1\nb: {c: 1, c: 2}", 2), (b"a: &x 1\nb: *x", 2), (b"a: 1\n b: 2", 2), (b"a: [\n1\n", 3)],
)
def test_an_error_says_the_line(data: bytes, line: int) -> None:
    with pytest.raises(YamlError) as caught:
        load_yaml(data)
    assert caught.value.line == line
    assert f"line {line}: {caught.value.problem}" in str(caught.value)


@pytest.mark.parametrize("data", [b"a: \x07", b"a: \xff", b"\xff\xfe\x00"])
def test_bytes_that_are_not_text_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not valid YAML"):
        load_yaml(data)


@pytest.mark.parametrize("data", [b"[" * 65 + b"]" * 65, b"[" * 100_000, b"? " * 100_000, b"- " * 100_000])
def test_deep_nesting_is_refused(data: bytes) -> None:
    with pytest.raises(YamlError, match="nested too deeply"):
        load_yaml(data)
    assert load_yaml(b"[" * 64 + b"]" * 64) is not None


def test_yaml_is_written_without_aliases() -> None:
    shared = ["x"]
    assert dump_yaml({"a": shared, "b": shared}) == b"a:\n- x\nb:\n- x\n"


@pytest.mark.parametrize(
    "value", ["a\u2028b", "no", "1:30", "010", "5e-5", "2024-01-01", "", "~", 1e300, -0.5, 10**30, None]
)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert load_yaml(dump_yaml({"a": value})) == {"a": value}
