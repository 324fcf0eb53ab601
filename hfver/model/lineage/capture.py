"""From a checkpoint and the user's wishes to its lineage record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, reduce
from pathlib import Path

from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.datasets import describe_dataset
from hfver.model.lineage.importer import import_all
from hfver.model.lineage.metrics import read_metrics
from hfver.model.lineage.previous_record import earlier_record
from hfver.model.lineage.record import BaseModelLink, Lineage, Training, read_lineage
from hfver.model.lineage.scrub import scrub

__all__ = ["Wishes", "capture"]

Resolver = Callable[[str, str | None], str | None]
"""Asks the Hub for the commit of a dataset's id and revision; None when it does not know."""


@dataclass(frozen=True)
class Wishes:
    """What the user gave on the command line."""

    datasets: tuple[str, ...] = ()
    """``--dataset``: ``ID``, ``ID@REV`` or the path of a file or folder."""
    metrics: Path | None = None
    lineage: Path | None = None


def capture(
    checkpoint: Checkpoint,
    wishes: Wishes,
    *,
    base: BaseModelLink | None,
    resolve_dataset: Resolver,
    now: datetime,
    author: str | None,
) -> Lineage:
    """Write the lineage record of a checkpoint.

    Later sources win: importers, the folder's README and its own ``lineage.yaml``, ``--metrics``,
    ``--lineage``, other options.

    Args:
        checkpoint: The folder, read.
        wishes: What the user said.
        base: The base model, resolved to a commit.
        resolve_dataset: Asks the Hub for a dataset's commit.
        now: When the record is made.
        author: Who makes it.

    Raises:
        BadConfig: A file given by the user, or one that an importer reads, is broken.
        PluginError: An importer broke its contract.
    """
    resolve = cache(resolve_dataset)
    records = [
        Lineage(created_at=now, created_by=author, artifacts=_artifacts(checkpoint)),
        import_all(checkpoint),
        earlier_record(checkpoint),
        Lineage(evaluation=read_metrics(wishes.metrics)) if wishes.metrics else Lineage(),
        read_lineage(wishes.lineage) if wishes.lineage else Lineage(),
        Lineage(base_model=base, training=_training(wishes.datasets, resolve)),
    ]
    merged = reduce(Lineage.merged, records)
    return scrub(_with_commits(merged, resolve))


def _training(datasets: tuple[str, ...], resolve: Resolver) -> Training:
    described = tuple(describe_dataset(wish, resolve) for wish in datasets)
    return Training(dataset=described[0]) if len(described) == 1 else Training(datasets=described)


def _with_commits(lineage: Lineage, resolve: Resolver) -> Lineage:
    """Resolve the datasets that a README or a file named without a commit."""
    training = lineage.training
    found = [
        dataset.model_copy(update={"revision": resolve(dataset.source, dataset.version)})
        if dataset.source and not dataset.revision and not dataset.hash
        else dataset
        for dataset in training.all_datasets
    ]
    one = len(found) == 1
    update = {"dataset": found[0] if one else None, "datasets": () if one else tuple(found)}
    return lineage.model_copy(update={"training": training.model_copy(update=update)})


def _artifacts(checkpoint: Checkpoint) -> dict[str, str | list[str]]:
    weights = sorted(path for path in checkpoint.files if path.endswith(".safetensors"))
    found: dict[str, str | list[str]] = {}
    if weights:
        found["model_weights"] = weights[0] if len(weights) == 1 else weights
    for key, names in _ARTIFACTS.items():
        path = next((name for name in names if name in checkpoint.files), None)
        if path:
            found[key] = path
    return found


_ARTIFACTS = {
    "tokenizer": ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model"),
    "config": ("config.json", "adapter_config.json"),
}
