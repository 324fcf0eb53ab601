from __future__ import annotations

from pathlib import Path

import pytest

from hfver.errors import BadConfig
from hfver.model.lineage.metrics import read_metrics


def _write(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content)
    return folder / name


@pytest.mark.parametrize("name", ["m.json", "m.yaml"])
def test_names_and_numbers(tmp_path: Path, name: str) -> None:
    found = read_metrics(_write(tmp_path, name, '{"accuracy": 0.9, "bleu": {"en": {"de": 30}}, "lr": 5e-5}'))
    assert found.metrics == {"accuracy": 0.9, "bleu/en/de": 30, "lr": 5e-05}
    assert found.benchmarks == {}


def test_metrics_and_benchmarks_as_in_a_lineage(tmp_path: Path) -> None:
    found = read_metrics(_write(tmp_path, "m.yaml", "metrics: {f1: 0.5}\nbenchmarks:\n  mmlu: {all: 0.6}\n"))
    assert (found.metrics, found.benchmarks) == ({"f1": 0.5}, {"mmlu/all": 0.6})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("m.json", '{"a": NaN}', "NaN"),
        ("m.yaml", "a: .nan", "a: 'nan' is not a finite number"),
        ("m.yaml", "a: {b: .inf}", "a/b: 'inf' is not a finite number"),
        ("m.json", '{"a": 1e999}', "a: 'inf'"),
        ("m.json", '{"a": true}', "a: 'True'"),
        ("m.json", '{"metrics": {"a": "x"}}', r"metrics\.a: 'x'"),
        ("m.json", '{"a": 1, "a": 2}', "duplicate key 'a'"),
        ("m.yaml", "a: [1]", "a: "),
        ("m.json", "[]", "no names and numbers"),
        ("m.json", "{}", "no names and numbers"),
        ("m.yaml", "a: &x 1\nb: *x", "aliases"),
        ("m.json", "{", r"m\.json"),
    ],
)
def test_the_error_for_a_bad_file_names_file_and_key(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = _write(tmp_path, name, content)
    with pytest.raises(BadConfig, match=said) as caught:
        read_metrics(path)
    assert str(path) in caught.value.message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"none\.json: No such file"):
        read_metrics(tmp_path / "none.json")
