from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hfver.errors import BadConfig
from hfver.model.lineage.record import Lineage, read_lineage

EXAMPLE = b"""\
model_version: 1.2.0
model_name: gpt-custom
created_at: "2024-01-15T10:30:00Z"
created_by: ml-team@example.com
base_model: {name: llama-2-7b, version: v2.0, source: meta-llama/Llama-2-7b-hf}
training:
  dataset: {name: custom-instructions, version: 3.1.0, size: 50000, hash: "sha256:abc"}
  hyperparameters: {learning_rate: 5e-5, batch_size: 8}
  infrastructure: {gpu_type: A100-80GB, num_gpus: 8}
  duration_hours: 72
  total_tokens_trained: 50000000000
evaluation:
  metrics: {perplexity: 12.34}
  benchmarks: {mmlu_accuracy: 0.62}
artifacts: {model_weights: model.safetensors}
deployment: {rollback_version: 1.1.0}
"""


def test_the_schema_of_the_design_is_read_and_kept() -> None:
    record = Lineage.decode(EXAMPLE, "lineage.yaml")
    assert record.created_at == datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
    assert record.training.hyperparameters["learning_rate"] == 5e-05
    assert (record.model_extra or {})["deployment"] == {"rollback_version": "1.1.0"}
    assert Lineage.decode(record.encode(), "again") == record
    assert Lineage.decode(b"", "empty") == Lineage()


def test_unknown_values_are_not_written() -> None:
    assert Lineage().encode() == b"{}\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"evaluation: {metrics: {f1: .nan}}", r"evaluation\.metrics\.f1: nan is not a finite number"),
        (b"evaluation: {metrics: {f1: yes}}", "'True' is not a number"),
        (b"evaluation: {metrics: {f1: '1'}}", "'1' is not a number"),
        (b"base_model: {source: x}", r"base_model\.name"),
        (b"- 1", "the whole record"),
        (b"a: 1\na: 2", "occurs twice"),
        (b"a: &x 1\nb: *x", "aliases"),
        (b"a: !!python/object:os.system x", "not valid YAML"),
        (b"a: !!binary aGk=", "not valid YAML"),
        (b"a: " + b"[" * 100_000, "nested too deeply"),
        (b"- " * 100_000, "nested too deeply"),
        (b"a: 2024-99-99", "cannot be read"),
        (b"a: " + b"9" * 5000, "cannot be read"),
        (b"\xff\x00", "cannot be read"),
        (b"#" * (1024 * 1024 + 1), "more than"),
    ],
)
def test_a_broken_record_is_named(data: bytes, said: str) -> None:
    with pytest.raises(BadConfig, match=said) as caught:
        Lineage.decode(data, "my.yaml")
    assert "my.yaml" in caught.value.message


def test_a_missing_file_is_named(tmp_path: object) -> None:
    from pathlib import Path

    with pytest.raises(BadConfig, match="No such file"):
        read_lineage(Path(str(tmp_path)) / "none.yaml")


def _merge(weak: dict[str, object], strong: dict[str, object]) -> Lineage:
    return Lineage.model_validate(weak).merged(Lineage.model_validate(strong))


def test_parts_about_the_same_thing_are_merged() -> None:
    merged = _merge(
        {"base_model": {"name": "a", "source": "x/a", "version": "v2"}, "training": {"steps": 3}},
        {"base_model": {"name": "a", "revision": "0" * 40}, "training": {"epochs": 1}},
    )
    assert merged.base_model is not None
    assert (merged.base_model.version, merged.base_model.revision) == ("v2", "0" * 40)
    assert (merged.training.steps, merged.training.epochs) == (3, 1)


@pytest.mark.parametrize(
    ("key", "weak", "strong"),
    [
        ("base_model", {"name": "a", "source": "x/a", "version": "v2"}, {"name": "b", "source": "x/b"}),
        ("code", {"commit": "0" * 40, "dirty": True}, {"commit": "1" * 40}),
        ("run", {"tracker": "mlflow", "id": "1", "url": "u"}, {"id": "2"}),
        ("environment", {"python": "3.11", "packages": {"a": "1"}}, {"packages": {"a": "2"}}),
    ],
)
def test_a_part_about_another_thing_replaces_the_weaker_one(key: str, weak: object, strong: object) -> None:
    merged = _merge({key: weak}, {key: strong})
    assert merged == Lineage.model_validate({key: strong})


@pytest.mark.parametrize(("weak", "strong"), [("dataset", "datasets"), ("datasets", "dataset")])
def test_datasets_replace_datasets(weak: str, strong: str) -> None:
    def write(key: str, name: str) -> dict[str, object]:
        one = {"name": name}
        return {"training": {key: one if key == "dataset" else [one]}}

    merged = _merge(write(weak, "old"), write(strong, "new"))
    assert [dataset.name for dataset in merged.training.all_datasets] == ["new"]
