"""What the transformers Trainer writes: its state, its results, and the hyperparameters in its card.

``training_args.bin`` would say more, but it is a pickle that holds the author's token, so it is never opened.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hfver.core.manifest import CARD
from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.record import Environment, Evaluation, Lineage, Training
from hfver.model.lineage.run_files import is_number, only_numbers, read_json_object, read_text

__all__ = ["TrainerRun"]

# What the Trainer logs among the metrics about the run itself.
_NO_METRIC = re.compile(
    r"epoch|step|total_flos|.*_(?:runtime|samples_per_second|steps_per_second|samples|jit_compilation_time"
    r"|model_preparation_time|num_input_tokens_seen|tokens_per_second|mem_\w+)"
)
_LIST = r"{title}\n+(?:[^\n#-][^\n]*\n+)?(?P<items>(?:- [^\n]*(?:\n|\Z))+)"
_HYPERPARAMETERS = re.compile(_LIST.format(title="#+ Training hyperparameters"), re.IGNORECASE)
_VERSIONS = re.compile(_LIST.format(title="#+ Framework versions"), re.IGNORECASE)
_RESULTS = re.compile(_LIST.format(title="It achieves the following results on the evaluation set:"))
_ITEM = re.compile(r"- (?P<name>[\w ./+-]{1,80}?):? +(?P<value>\S.*)")


class TrainerRun:
    """Reads ``trainer_state.json``, the ``*_results.json`` files and the Trainer's README."""

    strength = 60

    def read_checkpoint(self, checkpoint: Checkpoint) -> Lineage:
        """Read the records of a run; see ``Importer``."""
        state = read_json_object(checkpoint, "trainer_state.json")
        results = _results(checkpoint)
        card = (read_text(checkpoint, CARD) or "").replace("\r\n", "\n")
        # The results files are written after training, so they win over the last log entry.
        measured = _last_evaluation(state) | _measured(results, "eval_") | _measured(results, "test_")
        packages = _packages(card)
        return Lineage(
            training=_training(state, results, _items(_HYPERPARAMETERS, card), packages.get("torch")),
            environment=Environment(packages=packages) if packages else None,
            evaluation=Evaluation(metrics=measured or _evaluation_of_card(card)),
        )


def _results(checkpoint: Checkpoint) -> dict[str, Any]:
    names = ("train_results.json", "eval_results.json", "test_results.json", "all_results.json")
    results: dict[str, Any] = {}
    for name in names:  # all_results.json comes last: it is what the others were merged into
        results |= read_json_object(checkpoint, name)
    return results


def _training(
    state: Mapping[str, Any], results: Mapping[str, Any], said: Mapping[str, Any], torch: str | None
) -> Training:
    summary = _last_log(state, "train_runtime") | dict(results)
    extra = {"train_loss": summary.get("train_loss"), "total_flos": summary.get("total_flos")}
    extra |= {"best_metric": state.get("best_metric"), "best_step": state.get("best_global_step")}
    seconds = summary.get("train_runtime")
    return Training(
        infrastructure={"training_framework": f"pytorch-{torch}"} if torch else {},
        hyperparameters=_of_state(state) | dict(said),
        steps=_whole(state.get("global_step")),
        epochs=state.get("epoch") if is_number(state.get("epoch")) else None,
        total_tokens_trained=_whole(state.get("num_input_tokens_seen")) or None,
        duration_hours=round(seconds / 3600, 6) if is_number(seconds) else None,
        **only_numbers(extra),
    )


def _of_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Take the hyperparameters that the state repeats; the Trainer's card, if there is one, has more."""
    known = {
        "train_batch_size": state.get("train_batch_size"),
        "num_epochs": state.get("num_train_epochs"),
        "training_steps": state.get("max_steps"),
    }
    return only_numbers(known)


def _last_log(state: Mapping[str, Any], key: str) -> dict[str, Any]:
    history = state.get("log_history")
    entries = [entry for entry in history if isinstance(entry, dict)] if isinstance(history, list) else []
    return next((dict(entry) for entry in reversed(entries) if key in entry), {})


def _last_evaluation(state: Mapping[str, Any]) -> dict[str, Any]:
    history = state.get("log_history")
    entries = [entry for entry in history if isinstance(entry, dict)] if isinstance(history, list) else []
    evaluated = (entry for entry in reversed(entries) if _measured(entry, "eval_"))
    return _measured(next(evaluated, {}), "eval_")


def _measured(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Keep the metrics of an evaluation, under the names that the Trainer logs them by."""
    found = {key: value for key, value in values.items() if key.startswith(prefix)}
    return only_numbers({key: value for key, value in found.items() if not _NO_METRIC.fullmatch(key)})


def _items(pattern: re.Pattern[str], card: str) -> dict[str, Any]:
    return {name: _value(value) for name, value in _texts(pattern, card).items()}


def _texts(pattern: re.Pattern[str], card: str) -> dict[str, str]:
    match = pattern.search(card)
    items = (_ITEM.fullmatch(line.rstrip()) for line in match["items"].splitlines()) if match else ()
    return {item["name"]: item["value"] for item in items if item}


def _value(written: str) -> Any:
    for read in (int, float):
        try:
            value = read(written)
        except ValueError:
            continue
        return value if is_number(value) else written
    return {"True": True, "False": False}.get(written, written)


def _packages(card: str) -> dict[str, str]:
    return {_package(name): version for name, version in _texts(_VERSIONS, card).items()}


def _package(name: str) -> str:
    lowered = name.strip().lower().replace(" ", "-")
    return "torch" if lowered == "pytorch" else lowered  # the name on the package index


def _evaluation_of_card(card: str) -> dict[str, Any]:
    measured = {f"eval_{name.lower().replace(' ', '_')}": value for name, value in _items(_RESULTS, card).items()}
    return {key: value for key, value in only_numbers(measured).items() if not _NO_METRIC.fullmatch(key)}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
