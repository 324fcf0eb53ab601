from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from hfver.errors import BadConfig
from hfver.model.checkpoint import Checkpoint, read_checkpoint
from hfver.model.lineage.importers.trainer import TrainerRun
from hfver.model.lineage.record import Lineage


def _read(folder: Path) -> Lineage:
    """Import a whole checkpoint, or a folder that holds only the records of a run."""
    if (folder / "config.json").exists():
        return TrainerRun().read_checkpoint(read_checkpoint(folder))
    records = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".json", ".md")}
    return TrainerRun().read_checkpoint(Checkpoint(folder, "model", {}, (), (), content=records))


def test_the_numbers_of_a_real_run_are_imported(run: Path) -> None:
    training = _read(run).training
    assert (training.steps, training.epochs) == (2, 1.0)
    assert training.total_tokens_trained == 16
    assert training.duration_hours is not None
    assert 0 < training.duration_hours < 1
    assert (training.model_extra or {})["train_loss"] > 0


def test_the_last_evaluation_of_a_real_run_is_imported(run: Path) -> None:
    metrics = _read(run).evaluation.metrics
    assert list(metrics) == ["eval_loss"]
    assert metrics["eval_loss"] == json.loads((run / "eval_results.json").read_text())["eval_loss"]


def test_hyperparameters_and_versions_are_read_from_the_card(run: Path) -> None:
    record = _read(run)
    known = record.training.hyperparameters
    assert known["learning_rate"] == 5e-05
    assert (known["train_batch_size"], known["seed"], known["training_steps"]) == (2, 42, 2)
    assert record.environment is not None
    assert record.environment.packages["transformers"] == version("transformers")
    assert record.training.infrastructure == {"training_framework": f"pytorch-{version('torch')}"}


def test_the_pickle_of_arguments_is_never_opened(run: Path, tmp_path: Path) -> None:
    assert (run / "training_args.bin").exists()
    (tmp_path / "training_args.bin").symlink_to("/proc/self/mem")
    assert _read(tmp_path) == Lineage()
    assert b"hf_x" not in _read(run).encode()


def test_the_state_alone_is_enough(run: Path, tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text((run / "trainer_state.json").read_text())
    record = _read(tmp_path)
    assert record.training.steps == 2
    assert record.evaluation.metrics["eval_loss"] > 0


def test_the_card_alone_is_enough(run: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text((run / "README.md").read_text().replace("\n", "\r\n"))
    record = _read(tmp_path)
    assert record.evaluation.metrics["eval_loss"] > 0
    assert record.training.hyperparameters["learning_rate"] == 5e-05


def test_nan_in_the_log_is_not_a_metric(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text(
        '{"global_step": 3, "epoch": NaN, "log_history": [{"eval_loss": NaN, "eval_f1": 0.5}, 7]}'
    )
    record = _read(tmp_path)
    assert record.evaluation.metrics == {"eval_f1": 0.5}
    assert record.training.epochs is None


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000])
def test_a_broken_state_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "trainer_state.json").write_text(content)
    with pytest.raises(BadConfig, match=r"trainer_state\.json"):
        _read(tmp_path)
